# SPDX-License-Identifier: Apache-2.0
"""Where figures come from: without it they mean little."""

from __future__ import annotations

import os
import platform
import re
from typing import Any


def machine(compiler: str) -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as text:
            found = re.search(r"^model name\s*:\s*(.*)$", text.read(), re.M)
            model = found[1] if found else model
    except OSError:
        pass
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        # Without the local part, which says nothing elsewhere.
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "compiler": compiler,
        "load": round(os.getloadavg()[0], 2),
    }
