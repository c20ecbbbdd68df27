#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails on files over 600 lines: nobody reads them whole.
set -eu

long=$(find src tests tools Makefile -name '*.[ch]' -o -name '*.def' -o -name '*.sh' -o -name '*.py' -o -name Makefile |
	xargs wc -l | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines, at most 600" }')
[ -z "$long" ] || { echo "$long"; exit 1; }
