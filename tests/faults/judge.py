# SPDX-License-Identifier: Apache-2.0
"""What is wrong with how a run with a fault ended."""

import os
import re

# What strerror() says, alone, tells nobody what could not be had.
BARE = {os.strerror(n) for n in range(1, 134)} | {"std::bad_alloc", "std::exception", "out of memory (7)"}
# Lines of `record` that tell what a recording lacks, and what went on.
INFORMS = re.compile(r"record: ")


# Where a library ends the program itself, and nobody could say a word: counted apart, with the reason.
EXCUSED = {
    "Fatal glibc error: failed to register TLS destructor: out of memory":
        "glibc ends a program that cannot note a thread-local destructor (32 bytes, once a thread)",
    "(urcu.c:smp_mb_master": "liburcu ends a program that the kernel refuses a barrier",
    "Something wrong in libelf": "libelf keeps what it has begun when memory ends",
}
# What the JSON library has begun when memory ends it does not give back; the program ends, too.
JSON_LEAKS = "nlohmann::json loses what it has begun when memory ends"


def excuse(subject, result):
    """Why it could not do better; None: it could."""
    for line, reason in EXCUSED.items():
        if line in result.stderr:
            return reason
    left = {name for name in result.files if result.files[name] != subject.older}
    if ended_at_once(result) and not left and result.report["status"] == 1:
        return "out of memory where nobody can be told (a destructor, a thread): the line, and the end at once"
    if "--json" in result.command and result.fault.kind == "allocation" and result.report["status"] == 1:
        if result.stderr.strip() == "trefoil: out of memory" and not result.report["left_open"]:
            return JSON_LEAKS
    return None


def complaints(subject, normal, result):
    found = []
    report = result.report
    if report["hung"]:
        return ["it hangs"]
    if report["signal"]:
        return [f"it dies of SIG{report['signal']}"]
    if report["left_running"]:
        found.append("it leaves a process behind")
    status = report["status"]
    lines = result.stderr.splitlines()
    if status == 0:
        why = subject.wrong_result(normal, result)
        if why:
            found.append(why)
    elif not subject.fails:
        found.append(f"status {status}")
    elif status in (1, 2):
        found += of_the_line(result, lines)
        if result.files.get(subject.output, subject.older) != subject.older:
            found.append("it failed, and left its output")
    else:
        found.append(f"status {status}")
    found += of_what_is_left(subject, normal, result, lines)
    return found


def ended_at_once(result):
    return result.stderr.endswith("trefoil: out of memory; ended at once\n")


def failed_call(result):
    return result.report.get("failed", {"name": "", "first": 0})


def writes_to(result, stream):
    call = failed_call(result)
    return call["name"] in ("write", "writev") and call["first"] == stream


def of_the_line(result, lines):
    said = [line for line in lines if line.startswith("trefoil: ")]
    others = [line for line in lines if not line.startswith("trefoil: ") and not INFORMS.match(line)]
    if writes_to(result, 2):
        return []
    found = []
    if len(said) != 1:
        found.append(f"{len(said)} lines that say why")
    if others:
        found.append("other lines on stderr")
    if said and said[0].removeprefix("trefoil: ").strip() in BARE:
        found.append("the line does not say what failed")
    return found


def of_what_is_left(subject, normal, result, lines):
    found = []
    allowed = {subject.output}
    if subject.older:
        allowed.add(subject.output + ".old")
        if result.report["status"] != 0 and subject.older not in result.files.values():
            found.append("what had the name before is lost")
    # A whole recording that could not have its name is kept, and the line says where.
    allowed |= {name for name in result.files if any(f"it is whole, as {os.sep}" in line and name in line for line in lines)}
    left = [name for name in result.files if name not in allowed]
    if left:
        found.append("left in the folder: " + " ".join(left))
    # What a thread of the mechanism or of a library has, that goes on to the end, is not always there.
    more = result.report["blocks_left"] - normal.report["blocks_left"]
    if more > subject.threads:
        found.append("more blocks of memory than usual are left at the end")
    extra = sorted(result.report["left_open"])
    for one in normal.report["left_open"]:
        if one in extra:
            extra.remove(one)
    if extra:
        found.append("open at the end: " + " ".join(extra))
    return found
