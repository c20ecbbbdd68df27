#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if systemd would not take the units, if they are exposed more than docs/server.md says, or if their times do not
# fit the server's: it must be able to drain before it is killed, and to wait for the store of the one before.
set -u

cd "$(dirname "$0")/.." || exit 1
unit=deploy/sidelight.service bad=0
fail() { echo "units-check: $*"; bad=1; }
# In a directory of their own, where the program that they start exists.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp deploy/sidelight.service deploy/sidelight.socket "$dir"
sed -i "s#^ExecStart=[^ ]*#ExecStart=/bin/true#" "$dir/sidelight.service"
said=$(systemd-analyze verify "$dir/sidelight.service" "$dir/sidelight.socket" 2>&1) || fail "systemd-analyze verify failed"
said=$(echo "$said" | grep -F "$dir")
[ -z "$said" ] || fail "$said"

exposure=$(systemd-analyze security --offline=true "$unit" 2>/dev/null | sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
grep -q "calls its exposure $exposure\\." docs/server.md || fail "the exposure is $exposure, and docs/server.md says something else"

# The default of a key whose duration is in seconds; a setting of the unit.
default() { sed -n "s/^CONFIG(\"$1\",[^\"]*\"\([0-9]*\)s\".*/\1/p" src/config/config_keys.def; }
setting() { sed -n "s/^$1=\([0-9]*\)s$/\1/p" $unit; }
[ "$(setting TimeoutStopSec)" -gt $(($(default drain.timeout) + $(default drain.last_scrape) + 3)) ] ||
	fail "TimeoutStopSec is not above drain.timeout + drain.last_scrape + 3 s"
[ "$(setting TimeoutStartSec)" -gt "$(default store.lock_wait)" ] || fail "TimeoutStartSec is not above store.lock_wait"
[ $bad -ne 0 ] || [ -z "${PROMISES:-}" ] ||
	printf 'I117\tThe unit gives the server what it needs and nothing else\t`systemd-analyze security --offline=true` and `verify`\texposure %s\n' \
		"$exposure" >>"$PROMISES"
exit $bad
