#!/bin/sh
# SPDX-License-Identifier: MIT
# One webhook on standard input and output, for socat: its body becomes a line of DRILL_DIR/pages.
set -eu

length=0
while read -r line; do
	line=${line%"$(printf '\r')"}
	case $line in
	'') break ;;
	[Cc]ontent-[Ll]ength:*) length=${line#*:} ;;
	esac
done
length=${length# }
case $length in '' | *[!0-9]* | ????????*) exit 1 ;; esac
body=$(head -c "$length")
# One write, so that nobody reads half a line.
printf '%s\n' "$body" >>"$DRILL_DIR/pages"
printf 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
