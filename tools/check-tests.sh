#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if a TEST(name) is not in a RUN_TESTS list of its file as T(name): it would never run.
set -eu

awk '
	function check(   name) {
		for (name in tests)
			if (!(name in listed)) { print tests[name] ": " name " is in no RUN_TESTS list"; bad = 1 }
		split("", tests); split("", listed)
	}
	FNR == 1 { check() }
	/^TEST\(/ { name = $0; sub(/^TEST\( */, "", name); sub(/[ )].*/, "", name); tests[name] = FILENAME ":" FNR }
	{
		rest = $0
		while (match(rest, /(^|[^A-Za-z0-9_])T\([a-z0-9A-Z_]+\)/)) {
			name = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
			sub(/^.*T\(/, "", name); sub(/\)/, "", name)
			listed[name] = 1
		}
	}
	END { check(); exit bad }
' $(find tests -name '*_test.c') /dev/null
