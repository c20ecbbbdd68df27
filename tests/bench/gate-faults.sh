#!/bin/sh
# SPDX-License-Identifier: MIT
# A gate that cannot fail is decoration: it must see +4 % in any row, must not see +2 %, and must see a server that writes
# each log line twice.
set -u
cd "$(dirname "$0")/../.." || exit 1

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
bad=0 n=0

# gate STATUS WHAT ARGUMENT...: the gate must end with STATUS and say WHAT.
gate() {
	want=$1 what=$2
	shift 2
	n=$((n + 1))
	status=0
	bench/gate.py "$@" >"$tmp/out" 2>&1 || status=$?
	[ $status -eq "$want" ] && grep -qF -- "$what" "$tmp/out" && return
	echo "gate-faults: wanted status $want and '$what' of: gate.py $*; got status $status and:"
	cat "$tmp/out"
	bad=1
}

# table ROW FACTOR: the baseline as if that row had cost FACTOR times as much.
table() {
	awk -v row="$1" -v factor="$2" '$1 == "count" && $2 == row { $3 *= factor } { print }' bench/baseline.txt >"$tmp/table"
}

rows=$(awk '$1 == "count" { print $2 }' bench/baseline.txt)
[ -n "$rows" ] || { echo 'gate-faults: no rows in bench/baseline.txt'; exit 1; }
for row in $rows; do
	table "$row" 1.04
	gate 1 "FAILED: $row: above the baseline" check --measured "$tmp/table"
	table "$row" 1.02
	gate 0 '+2.00%  ok' check --measured "$tmp/table"
	table "$row" 0.96
	gate 0 "cheaper by more than 3%: $row." check --measured "$tmp/table"
	sed "/^count $row /d" bench/baseline.txt >"$tmp/table"
	gate 1 'was not measured: FAIL' check --measured "$tmp/table"
done
sed 's/^with libc6 .*/with libc6 9.99/' bench/baseline.txt >"$tmp/table"
gate 0 'libc6 9.99 (baseline: ' check --measured "$tmp/table"
gate 1 'gate.py: the server ended at once' check --sidelight /bin/false --rows health

# A real one, in a copy of the tree, with the objects that are there.
mkdir "$tmp/build" && cp -a Makefile VERSION bench tools src "$tmp" && cp -a build/dev "$tmp/build" || exit 1
file=$tmp/src/http/finish.c
sed -i 's/^ *access_log(.*;$/{ & & }/' "$file"
! cmp -s "$file" src/http/finish.c || { echo "gate-faults: no log line to double in src/http/finish.c"; exit 1; }
# As if from a shell: nothing of the make this may run under.
(cd "$tmp" && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s SETUP=: build/dev/sidelight WERROR=) >"$tmp/out" 2>&1 ||
	{ cat "$tmp/out"; exit 1; }
gate 0 'wrote' baseline --sidelight build/dev/sidelight --rows health --baseline "$tmp/baseline"
gate 0 'ok' check --sidelight build/dev/sidelight --rows health --baseline "$tmp/baseline"
gate 1 'FAILED: health' check --sidelight "$tmp/build/dev/sidelight" --rows health --baseline "$tmp/baseline"

[ $bad -eq 0 ] && echo "gate-faults: all $n as they should be"
exit $bad
