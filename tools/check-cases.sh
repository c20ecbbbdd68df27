#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails unless tests/faults/cases.txt has one line for each of the 118 cases, in order, and each test that it names exists.
#
# A line is NUMBER<TAB>WHERE, and WHERE one of
#   covered by FILE:NAME, FILE:NAME... [; a remark]   NAME is a TEST of a *_test.c, a case of a corpus *.txt, a target of
#                                                     Makefile, a `step make NAME` of .ci/run, else a word in FILE
#   comes with accounts, comes with back ends
#   skipped: REASON
set -u
cd "$(dirname "$0")/.." || exit 1

list=tests/faults/cases.txt cases=118
pairs=$(mktemp)
trap 'rm -f "$pairs"' EXIT
trap 'exit 130' INT TERM HUP

awk -F '\t' -v cases=$cases -v pairs="$pairs" -v list=$list '
	function fail(why) { print list ":" FNR ": " why; bad = 1 }
	/^#/ { next }
	{ n++ }
	NF != 2 { fail("not NUMBER<TAB>WHERE"); next }
	$1 != n { fail("case " n " should stand here, not " $1) }
	$2 == "comes with accounts" || $2 == "comes with back ends" || $2 ~ /^skipped: ./ { next }
	$2 !~ /^covered by ./ { fail("neither covered, nor skipped, nor to come: " $2); next }
	{
		where = substr($2, length("covered by ") + 1)
		sub(/; .*/, "", where)
		k = split(where, part, /, /)
		for (i = 1; i <= k; i++) {
			if (part[i] !~ /^[^: ]+:[^: ]+$/) fail("not FILE:NAME: " part[i])
			else { sub(/:/, "\t", part[i]); print FNR "\t" part[i] > pairs }
		}
	}
	END {
		if (n != cases) { print list ": " n + 0 " cases, not " cases; bad = 1 }
		exit bad
	}' $list
bad=$?

exists() {                      # FILE NAME
	case $1 in
	*_test.c) grep -qF "TEST($2)" "$1" ;;
	*.txt) grep -qxF "case: $2" "$1" ;;
	Makefile) grep -qE "^([a-z-]+ )*$2( [a-z-]+)*:([^=]|\$)" "$1" ;;
	.ci/run) grep -qE "^step make $2( |\$)" "$1" ;;
	*) grep -qwF -- "$2" "$1" ;;
	esac
}

tab=$(printf '\t')
while IFS="$tab" read -r line file name; do
	if [ ! -f "$file" ]; then
		echo "$list:$line: no file $file"; bad=1
	elif ! exists "$file" "$name"; then
		echo "$list:$line: no $name in $file"; bad=1
	fi
done <"$pairs"
[ $bad = 0 ]
