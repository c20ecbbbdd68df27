#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the table of docs/reliability.md from what the tests of `make faults` say they kept.

usage: reliability.py PROMISES FILE

PROMISES has a row a promise, its columns apart by tabs: ID, promise, how it is tested, figure (tests/faults/lib/promise.h).
What stands in FILE between the two marks is replaced. Of an ID and promise that come twice, the last figure counts.
"""

import re
import sys
from pathlib import Path

BEGIN, END = "<!-- table: make faults -->", "<!-- end of the table -->"
HEAD = "| case | promise | how it is tested | last figure |\n|---|---|---|---|\n"


def natural(row):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", row[0])], row[1]


def rows(text):
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.split("\t")
        if len(cells) != 4 or not all(cells) or "|" in line:
            sys.exit(f"reliability: line {number} has not four columns: {line!r}")
        found[cells[0], cells[1]] = cells
    if not found:
        sys.exit("reliability: no promise was kept; did the tests run with PROMISES set?")
    return sorted(found.values(), key=natural)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: reliability.py PROMISES FILE")
    promises, page = (Path(name) for name in sys.argv[1:])
    text = page.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        sys.exit(f"reliability: {page} needs one {BEGIN} and after it one {END}")
    table = HEAD + "".join(f"| {' | '.join(cells)} |\n" for cells in rows(promises.read_text()))
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table}{END}{after}")


if __name__ == "__main__":
    main()
