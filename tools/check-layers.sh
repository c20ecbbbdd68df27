#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if a file in src/ includes a header from a directory that tools/layers.txt does not allow, or a library
# that only one place may see, or if the table itself has a cycle.
set -eu

awk '
	function fail(what) { print FILENAME ":" FNR ": " what; bad = 1 }
	# Each library has one owner, so that it can be replaced.
	function owner(header, place, say) {
		if (index($0, "<" header) && FILENAME !~ place) fail("only " say " may include <" header)
	}
	FILENAME ~ /layers.txt$/ {
		sub(/#.*/, ""); if ($0 == "") next
		dir = $1; sub(/:$/, "", dir); known[dir] = 1; ok[dir, dir] = 1
		# Only directories listed above may be used: that makes the table an order, so cycles
		# cannot be written.
		for (i = 2; i <= NF; i++) {
			if (!($i in known)) fail(dir " may not use " $i ": it is listed later")
			ok[dir, $i] = 1
		}
		next
	}
	/^[ \t]*#[ \t]*include[ \t]*</ {
		owner("h2o", "^src/(http|proxy)/", "http/ and proxy/")
		owner("yaml.h", "^src/config/yaml[.]c$", "config/yaml.c")
		owner("cjson/", "^src/http/json[.]c$", "http/json.c")
		owner("seccomp.h", "^src/app/sandbox[.]c$", "app/sandbox.c")
		owner("sqlite3", "^src/store/sqlite[a-z_]*[.][ch]$", "store/sqlite*")
	}
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		split(FILENAME, part, "/"); from = part[2]
		to = $0; sub(/^[^"]*"/, "", to); sub(/".*/, "", to)
		if (to !~ /\//) { fail("write \"dir/" to "\""); next }
		sub(/\/.*/, "", to)
		if (!(from in known)) fail(from "/ is not in layers.txt")
		else if (!((from, to) in ok)) fail(from "/ may not include " to "/")
	}
	END { exit bad }
' tools/layers.txt $(find src -name '*.[ch]' -o -name '*.def')
