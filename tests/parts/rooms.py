#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""rooms.py SOURCE: the READMEs of the layers name every file, and where they have rows, a file includes
what is in its own row or below."""

import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
faults = []


def readme(folder):
    return (source / folder / "README.md").read_text()


def files(folder, *suffixes):
    for file in sorted((source / folder).rglob("*")):
        if file.suffix in suffixes:
            yield file, str(file.relative_to(source / folder)).split(".")[0]


def named(folder):
    """Each file by its name without its ending; `..._users` names replayer_users."""
    text = readme(folder)
    words = set(re.findall(r"\w+", text))
    endings = tuple(re.findall(r"\.\.\.(_\w+)", text))
    for file, name in files(folder, ".hpp", ".cpp", ".h", ".c"):
        if (file.parent / "README.md").exists() and file.parent != source / folder:
            continue  # it has its own list
        stem = name.split("/")[-1]
        if stem not in words and not (endings and stem.endswith(endings)):
            faults.append(f"{folder}/README.md does not name {file.relative_to(source / folder)}")


def rows(folder, prefix, places):
    """A row's files stand between backquotes. `places`: those that stand for, or in, a folder of theirs."""
    row = {}
    for number, cell in re.findall(r"^\| (\d) \| (.*?) \|", readme(folder), re.M):
        for name in re.findall(r"`([\w/.]+)`", cell):
            row[places.get(name, name.removesuffix(".hpp"))] = int(number)

    def row_of(name):
        return row.get(name, row.get(name.rpartition("/")[0] + "/"))

    for file, name in files(folder, ".hpp", ".cpp"):
        if name.startswith("mm/"):  # a layer of its own
            continue
        here = row_of(name)
        if here is None:
            faults.append(f"{folder}/README.md has no row for {name}")
            continue
        for included in re.findall(rf'^#include [<"]{prefix}/([\w/]+)\.hpp', file.read_text(), re.M):
            there = row_of(included)
            if there is None or there > here:
                faults.append(f"{folder}/{name} is in row {here} and includes {included}, in row {there}")


named("lab")
named("verify")
rows("include/trefoil", "trefoil", {})
rows("machine", "machine", {room: "storm/" + room for room in ("life", "exits", "holders", "memory", "attacker")})
index = (source / "include/trefoil/mm/mm.hpp").read_text()
for file, name in files("include/trefoil/mm", ".hpp"):
    if file.name not in index and file.name != "mm.hpp":
        faults.append(f"include/trefoil/mm/mm.hpp, the index, does not name {file.name}")

for fault in faults:
    print(fault, file=sys.stderr)
sys.exit(1 if faults else 0)
