#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints the line coverage of every file of src/ and in all, from what the programs of build/cov left when they
# ended (one killed with SIGKILL leaves nothing, and harms nothing). Fails under the given percentages.
# usage: coverage.sh PERCENT-A-FILE PERCENT-IN-ALL
set -eu

# A .gcno without a .gcda is a file that nothing ran: 0 %. Inline functions of headers are left out.
find build/cov -name '*.gcno' ! -path 'build/cov/unit/*' ! -path 'build/cov/e2e/*' | sort |
	xargs gcov -n 2>build/cov/gcov.log |
	awk -v each="$1" -v all="$2" '
		/^File / { file = substr($0, 7, length($0) - 7) }
		/^Lines executed:/ && file ~ /^src\/.*[.]c$/ {
			split($0, part, /[:%]/); n = $NF; hit = int(part[2] * n / 100 + 0.5)
			low = part[2] < each
			printf "  %6.2f %%  %4d of %4d  %s%s\n", part[2], hit, n, file, low ? "  under " each " %" : ""
			lines += n; hits += hit; bad = bad || low
		}
		{ if (!/^File /) file = "" }
		END {
			if (!lines) { print "coverage: no data"; exit 1 }
			total = 100 * hits / lines
			printf "  %6.2f %%  %4d of %4d  in all%s\n", total, hits, lines, total < all ? "  under " all " %" : ""
			exit bad || total < all
		}' || bad=1
grep -v 'cannot open data file' build/cov/gcov.log || true
exit ${bad:-0}
