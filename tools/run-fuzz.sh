#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes each target for some seconds; with 0 it only replays what is kept: tests/fuzz/corpus/NAME/* (seeds) and
# tests/fuzz/regress/NAME-* (inputs that once broke something). New finds go to build/, crashing inputs to
# build/fuzz/crash-NAME-*: move those to tests/fuzz/regress/ together with the fix.
# usage: run-fuzz.sh SECONDS PROGRAM...
set -u

# fuzz SECONDS PROGRAM NAME
fuzz() {
	set -- "$@" $(ls tests/fuzz/regress/"$3"-* 2>/dev/null)
	seconds=$1 program=$2 name=$3
	shift 3
	if [ "$seconds" = 0 ]; then
		set -- $(find "tests/fuzz/corpus/$name" -type f 2>/dev/null) "$@"
		[ $# -gt 0 ] || { echo "tests/fuzz/corpus/$name holds no seed"; return 1; }
		"$program" -runs=0 -artifact_prefix="build/fuzz/crash-$name-" "$@" && echo "replayed $#"
	else
		# libFuzzer takes files or directories, not both: what once broke is replayed first.
		mkdir -p "build/fuzz/corpus/$name"
		[ $# -eq 0 ] || "$program" -runs=0 "$@" || return 1
		"$program" -max_total_time="$seconds" -artifact_prefix="build/fuzz/crash-$name-" \
			"build/fuzz/corpus/$name" $(ls -d "tests/fuzz/corpus/$name" 2>/dev/null) &&
			echo "ran $seconds s"
	fi
}

# One row of docs/reliability.md for NAME, from its log.
promise() {
	[ -n "${PROMISES:-}" ] && [ "$seconds" != 0 ] || return 0
	sed -n 's/^#\([0-9]*\)\s*DONE   cov: \([0-9]*\) .*corp: \([0-9]*\).*/\1 \2 \3/p' "$2" | tail -n 1 | {
		read -r runs edges kept
		printf 'A27\tNo input makes `%s` crash, hang, leak or touch memory that is not its own\t%s\t%s runs, %s edges, %s inputs kept, 0 crashes\n' \
			"$1" "libFuzzer with ASan and UBSan for $seconds s" "$runs" "$edges" "$kept"
	} >>"$PROMISES"
}

seconds=$1 failed=0
shift
for program in "$@"; do
	name=$(basename "$program" _fuzz)
	if fuzz "$seconds" "$program" "$name" >"$program.log" 2>&1; then
		printf '  ok   %-20s %s\n' "$name" "$(tail -n 1 "$program.log")"
		promise "$name" "$program.log"
	else
		printf '  FAIL %s\n' "$name"
		sed 's/^/       | /' "$program.log" | tail -n 60
		failed=$((failed + 1))
	fi
done
echo "$(($# - failed)) fuzz targets passed, $failed failed"
[ $failed -eq 0 ]
