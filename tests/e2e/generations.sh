#!/bin/sh
# SPDX-License-Identifier: MIT
# What a service manager does in an upgrade that loses nothing, with the socket that it was given as descriptor 3: starts a
# server; on SIGUSR1 starts the next one, which waits for the store, and tells the one before to end. Ends with the last.
# usage: generations.sh LOG PROGRAM ARGUMENT...      (writes LOG.1, LOG.2, ...)
set -u

log=$1 n=0 now=''
shift

# LISTEN_PID is the server's own, so it is set by the process that becomes it.
start() {
	n=$((n + 1)) before=$now
	LISTEN_FDS=1 LISTEN_FDNAMES=public sh -c 'LISTEN_PID=$$ exec "$0" "$@"' "$@" >"$log.$n" 2>&1 &
	now=$!
	[ -z "$before" ] || kill -TERM "$before"
}

trap 'next=1' USR1
trap '[ -z "$now" ] || kill -TERM $now' TERM
next='' status=0
start "$@"
while kill -0 "$now" 2>/dev/null; do
	wait "$now"
	status=$?
	[ -z "$next" ] || { next=''; start "$@"; }
done
exit $status
