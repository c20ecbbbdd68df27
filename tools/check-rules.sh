#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if a rule or a dashboard asks for a series that metrics.def does not make. What is not there yet is skipped.
set -eu

files=$(find slo-rules.yml prometheus grafana -name '*.yml' -o -name '*.yaml' -o -name '*.json' 2>/dev/null || true)
[ -n "$files" ] || exit 0

# A series is what is left of an expression without strings, labels, ranges, grouping and functions, if it has a _;
# recorded series (with a :) and those other programs export (up, ALERTS, caddy_, ...) are not ours to check.
awk '
	FILENAME ~ /metrics[.]def$/ {
		if (split($0, part, "\"") > 1 && /^(COUNTER|GAUGE)\(/) known[part[2]] = 1
		if (/^HISTOGRAM\(/) known[part[2] "_bucket"] = known[part[2] "_sum"] = known[part[2] "_count"] = 1
		next
	}
	FNR == 1 { more = 0 }
	/^ *- record:/ { recorded[$3] = 1 }
	/^ *(- )?[a-z_]+:/ { more = /expr:/ }
	FILENAME ~ /json$/ { more = /"expr":/ }
	!more { next }
	{
		s = $0
		sub(/^.*"?expr"?: */, "", s); sub(/ #.*/, "", s)
		gsub(/\\"/, "\047", s); gsub(/\047[^\047]*\047/, "", s)
		gsub(/{[^}]*}|\[[^]]*\]|\$[a-z_]+/, " ", s)
		gsub(/(by|without|on|ignoring|group_left|group_right) *\([^)]*\)/, " ", s)
		while (match(s, /[a-zA-Z_:][a-zA-Z0-9_:]*[ ]*\(?/)) {
			name = substr(s, RSTART, RLENGTH); s = substr(s, RSTART + RLENGTH)
			if (name ~ /_/ && name !~ /[(:]/) { sub(/ */, "", name); used[name] = FILENAME ":" FNR }
		}
	}
	END {
		for (name in used)
			if (!(name in known) && !(name in recorded) && name !~ /^(caddy|prometheus|alertmanager|cloudflared)_/) {
				print "docs-check: " used[name] ": no metric " name; bad = 1
			}
		exit bad
	}' src/metrics/metrics.def $files
