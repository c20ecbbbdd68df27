#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs cmocka programs, some at once, and ends with the line `N passed, N failed, N skipped`.
# Of a program that passes, one line is printed and why it skipped what it skipped; of one that fails, everything.
# A program that crashes, hangs, leaves tests out or runs none has failed, whatever it printed.
#
# usage: run-tests.sh PROGRAM...
# environment:
#   JOBS          programs at once (default: the CPUs)
#   TEST_TIMEOUT  seconds a program may take (default 300)
#   REPORTS       a directory where sanitizers of any process leave their reports; one report fails the run
set -u

# $1: what a program printed (TAP), its exit status, its name, its seconds
# Prints a summary line, the reasons of skips, and as last line "passed failed skipped".
summary='
	about_failure && /^# /  { next }
	{ about_failure = 0 }
	/^[0-9]+[.][.][0-9]+$/ { sub(/.*[.]/, ""); plan += $0; said = ""; next }
	/^(not )?ok .*# SKIP/  { sub(/.*# SKIP */, ""); skips = skips "          skipped: " $0 "\n" said; skip++; said = ""; next }
	/^ok /                 { pass++; said = ""; next }
	/^not ok /             { fail++; said = ""; about_failure = 1; next }
	!/^# (not )?ok - /     { said = said "            " $0 "\n" }
	END {
		if (status == 124) why = "took longer than " limit " s"
		else if (status > 128) why = "killed by signal " status - 128
		else if (status && !fail) why = "exit status " status
		else if (!plan) why = "ran no test"
		else if (pass + fail + skip < plan) why = "ended early"
		if (why) fail++
		printf "  %-4s %-36s %3d passed%s%s  %.1f s%s\n", fail ? "FAIL" : "ok", name, pass,
			fail ? ", " fail " failed" : "", skip ? ", " skip " skipped" : "", seconds, why ? ": " why : ""
		printf "%s", skips
		print pass + 0, fail + 0, skip + 0
	}'

run_one() {
	name=${2#build/*/}
	out=$1/$(echo "$name" | tr / _)
	start=$(date +%s.%N)
	# In the background, so that a signal reaches this shell and from here the whole group of the program.
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 "${TEST_TIMEOUT:-300}" "$2" >"$out" 2>&1 </dev/null &
	pid=$!
	trap 'kill $pid; exit 130' INT TERM HUP
	wait $pid 2>/dev/null
	status=$?
	seconds=$(echo "$start $(date +%s.%N)" | awk '{ print $2 - $1 }')
	awk -v status=$status -v name="$name" -v seconds="$seconds" -v limit="${TEST_TIMEOUT:-300}" "$summary" \
		"$out" >"$out.sum"
	# One writer at a time, or the pages of two failures mix.
	{
		flock 9
		sed '$d' "$out.sum"
		grep -q '^  FAIL' "$out.sum" && sed 's/^/       | /' "$out"
	} 9>"$1/lock"
	tail -n 1 "$out.sum" >>"$1/totals"
}

if [ "${1-}" = --one ]; then
	run_one "$2" "$3"
	exit 0
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
[ -z "${REPORTS-}" ] || { rm -rf "$REPORTS" && mkdir -p "$REPORTS"; }

[ $# -gt 0 ] || { echo "no test programs"; exit 1; }
printf '%s\n' "$@" | xargs -P "${JOBS:-$(nproc)}" -n 1 "$0" --one "$dir" || exit 1

reports=0
for f in "${REPORTS:-/nonexistent}"/*; do
	[ -s "$f" ] || continue
	echo "  FAIL a sanitizer's report: $f"
	cat "$f"
	reports=1
done
awk -v want=$# -v reports=$reports '
	{ pass += $1; fail += $2; skip += $3 }
	END {
		fail += want - NR + reports
		printf "%d passed, %d failed, %d skipped\n", pass, fail, skip
		exit fail > 0
	}' "$dir/totals"
