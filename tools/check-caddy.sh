#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if the Caddyfile is not one for both Caddys: Debian's 2.6.2, and 2.11.4 or newer, which belongs on a server.
#   - the Caddy of this machine accepts it, in its version's spelling, and `caddy fmt` would change nothing;
#   - every option and directive is on the list below of what both know (read in the sources of both), and each variable;
#   - only the three names in the file's head are spelled by the environment;
#   - no page that /runbook shows holds a template of its own, which Caddy would run.
#
# usage: check-caddy.sh [CADDYFILE]
set -eu
cd "$(dirname "$0")/.."

file=${1:-Caddyfile}
bad=0
fail() { echo "caddy-check: $*"; bad=1; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP

# --- the Caddy that is here
# shellcheck disable=SC2016
echo 'ops $2b$04$QKX8Yyk0RTs3ZVAWTcTtfecIZKJsk6liD3eYMVP0sCkJLLhYDvuWq' >"$dir/users"
echo 'header_regexp Authorization "^(?i:basic) +(b3BzO[g-v])"' >"$dir/logins"
export HOME="$dir" USERS_FILE="$dir/users" LOGINS_FILE="$dir/logins" DOCS_DIR="$PWD/docs"
case $(caddy version) in
2.[0-7].* | v2.[0-7].*) export BASIC_AUTH_DIRECTIVE=basicauth CADDY_METRICS_GLOBAL='' CADDY_METRICS_NESTED=metrics ;;
2.8.* | v2.8.*) export CADDY_METRICS_GLOBAL='' CADDY_METRICS_NESTED=metrics ;;
esac
caddy validate --config "$file" --adapter caddyfile >"$dir/out" 2>&1 || fail "caddy validate: $(grep -v '^{' "$dir/out")"
# 2.6.2 wants a blank after the line before one that only holds a variable.
caddy fmt "$file" 2>/dev/null | sed 's/ *$//' | diff "$file" - >"$dir/out" || fail "caddy fmt would change: $(cat "$dir/out")"

# --- what both know
cat >"$dir/known" <<-END
	admin auto_https default_bind grace_period servers timeouts read_header read_body write idle max_header_size
	log output format wrap fields import route map request_header header error handle handle_errors encode redir
	reverse_proxy header_up header_down dynamic refresh lb_policy lb_try_duration lb_try_interval transport
	dial_timeout response_header_timeout keepalive keepalive_idle_conns_per_host root rewrite templates file_server
	respond metrics path path_regexp method not remote_ip expression header_regexp request_body max_size
	CADDY_BIND CADDY_PORT CADDY_METRICS_PORT CADDY_METRICS_CIDR TUNNEL_CIDR SIDELIGHT_HOST SIDELIGHT_PORT
	GRAFANA_UPSTREAM PROMETHEUS_UPSTREAM USERS_FILE LOGINS_FILE DOCS_DIR
END
# Names of directives: {\$VARIABLE:the word of 2.11.4}
cat >"$dir/spelled" <<-'END'
	{$BASIC_AUTH_DIRECTIVE:basic_auth}
	{$CADDY_METRICS_GLOBAL:metrics}
	{$CADDY_METRICS_NESTED}
END
awk '
	function complain(what) { print "caddy-check: line " FNR ": " what; bad = 1 }
	FILENAME ~ /known$/   { for (i = 1; i <= NF; i++) known[$i] = 1; next }
	FILENAME ~ /spelled$/ { spelled[$1] = 1; next }
	/^[ \t]*(#|$)/ { next }
	{
		line = $0
		for (word in spelled) if ($1 == word) sub(/^[ \t]*[^ \t]*/, "", line)
		while (match(line, /[{][$][A-Z_]*/)) {
			name = substr(line, RSTART + 2, RLENGTH - 2); line = substr(line, RSTART + RLENGTH)
			if (!(name in known)) complain("the variable " name " is not on the list")
		}
	}
	$1 == "}" { if (depth == data) data = 0; depth--; next }
	# Rows of these are data, and a matcher of one line has its kind as the second word.
	!data {
		word = $1 ~ /^@/ && $2 != "{" ? $2 : $1
		if (!(word in known) && !(word in spelled) && word !~ /^([{]|@.*|\([a-z]*\)|http:.*)$/)
			complain("\"" word "\" is not on the list of what both Caddys know")
		if (/^[ \t]*(request_header|header_up|header) [^{"]*[A-Za-z]_[A-Za-z]/ && !/[{]$/)
			complain("2.11.4 drops fields with _ in their name")
		if (/remote_ip.* forwarded/) complain("remote_ip has no `forwarded` since 2.8")
	}
	/[{]$/ { depth++; if (!data && $1 ~ /^(map|header|fields)$/) data = depth }
	END { exit bad }' "$dir/known" "$dir/spelled" "$file" || bad=1

for page in docs/operations.md docs/server.md docs/config.md docs/metrics.md docs/api.md; do
	! grep -n '{{' "$page" >"$dir/out" || fail "$page: /runbook would run this as a template: $(cat "$dir/out")"
done
exit $bad
