#!/bin/sh
# SPDX-License-Identifier: MIT
# Pictures of the home page and the status page, desktop (1280x800) and phone (390x844, two pixels for one), light and dark,
# with real traffic behind them: docs/screenshots/PAGE-SCREEN-LIGHT.png. Takes six minutes.
# usage: screenshots.sh PROGRAM    (build/dev/browser/screenshots; `make screenshots` builds it)
set -eu

[ $# -eq 1 ] || { echo "usage: screenshots.sh PROGRAM" >&2; exit 64; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
SCREENSHOTS=$tmp "$1" >"$tmp/log" 2>&1 && status=0 || status=$?
if [ $status -ne 0 ] || grep -q '^skipped: ' "$tmp/log"; then
	cat "$tmp/log" >&2
	exit 1
fi
mkdir -p docs/screenshots
mv "$tmp"/*.png docs/screenshots/
ls -l docs/screenshots/*.png
