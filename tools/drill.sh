#!/bin/sh
# SPDX-License-Identifier: MIT
# Rehearses an outage: starts the whole path (tools/stack.sh) with the drills on and a receiver of pages of its own, sends steady good
# traffic through Caddy, then errors, and prints as it happens what the SLO, Prometheus and Alertmanager say, until the page arrives.
# Then the errors stop, and all ends. Rules, durations and routes are those of production. Nobody else is told: receivers in the
# environment and in .env are not used. Ctrl-C ends all, at any time.
#
# usage: drill.sh
# environment:
#   DRILL_FACTOR  divides every duration of the rules and routes, to look at it quickly: 50 (1; more needs Debian's python3-yaml)
#   DRILL_GOOD    good requests a second (20)
#   DRILL_BAD     errors a second (10)
#   DRILL_LIMIT   seconds until it gives up on the page (900)
#   DRILL_DIR     a directory below build/, where everything is written; what the last drill left there is deleted (build/drill)
#   STACK_PORT    where Caddy answers, on 127.0.0.1 (the first free one from 8180)
#   STACK_NET, STACK_SIDELIGHT_FLAGS, SIDELIGHT   as for tools/stack.sh
# exit status: 0 the page arrived; 1 it did not, or something failed; 130 ended by a signal
set -eu

LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
STACK_HOME=$(cd "$(dirname "$0")/.." && pwd -P)
export LC_ALL PATH STACK_HOME
. "$STACK_HOME/tools/stack/common.sh"
. "$STACK_HOME/tools/stack/loopback.sh"
. "$STACK_HOME/tools/stack/outer.sh"
. "$STACK_HOME/tools/drill/words.sh"

die() { echo "drill: $*" >&2; exit 1; }     # in place of the stack's

# --- settings ---

whole() { case $2 in '' | 0* | *[!0-9]* | ???????*) die "$1=$2 is no whole number from 1 to 999999" ;; esac; }

drill_settings() {
	: "${DRILL_FACTOR:=1}" "${DRILL_GOOD:=20}" "${DRILL_BAD:=10}" "${DRILL_LIMIT:=900}"
	for name in DRILL_FACTOR DRILL_GOOD DRILL_BAD DRILL_LIMIT; do eval "whole $name \"\$$name\""; done
	DRILL_DIR=$(readlink -m "${DRILL_DIR:-$STACK_HOME/build/drill}")
	case $DRILL_DIR in "$STACK_HOME"/build/?*) ;; *) die "DRILL_DIR=$DRILL_DIR is not below $STACK_HOME/build" ;; esac
	# shellcheck disable=SC2034 # free_port is the stack's
	ports=
	[ -n "${STACK_PORT-}" ] || free_port STACK_PORT 8180
	STACK_DIR=$DRILL_DIR/stack STACK_REPLICAS=1 PUBLIC_URL=http://localhost:$STACK_PORT
	export DRILL_DIR STACK_DIR STACK_REPLICAS PUBLIC_URL
	unset STACK_FILES STACK_ONLY STACK_PROMETHEUS_FLAGS
	settings
	choose_net
	needs
	curl --help all | grep -q -e --rate || die "this curl has no --rate; it needs 7.84 or later"
}

# Nothing of the last drill: its numbers would be in today's windows, and its page would come at once.
take_drill_directory() {
	mkdir -p "$DRILL_DIR"
	[ -e "$DRILL_DIR/drill.lock" ] || [ -z "$(ls -A "$DRILL_DIR")" ] || die "DRILL_DIR=$DRILL_DIR is not empty, and no drill's"
	exec 6>>"$DRILL_DIR/drill.lock"
	flock -n 6 || die "a drill runs in $DRILL_DIR already"
	rm -rf "${DRILL_DIR:?}/stack" "$DRILL_DIR/files"
	rm -f "$DRILL_DIR"/pages "$DRILL_DIR"/ready "$DRILL_DIR"/*.out "$DRILL_DIR"/*.pipe
	mkfifo "$DRILL_DIR/bad.pipe" "$DRILL_DIR/rest.pipe"
}

# The page's way, and nobody else's. An empty setting wins over one in a file.
receivers() {
	SINK=172.31.255.4:9099
	[ "$STACK_NET" = netns ] || { free_port SINK_PORT 9099; SINK=127.0.0.1:$SINK_PORT; }
	ALERT_WEBHOOK=http://$SINK/pages
	ALERT_EMAIL='' DEADMAN_WEBHOOK='' OWNER_EMAIL='' SMTP_HOST='' SMTP_FROM='' SMTP_USER='' SMTP_PASSWORD='' SMTP_TLS=''
	export ALERT_WEBHOOK ALERT_EMAIL DEADMAN_WEBHOOK OWNER_EMAIL SMTP_HOST SMTP_FROM SMTP_USER SMTP_PASSWORD SMTP_TLS
}

faster() {
	[ "$DRILL_FACTOR" -gt 1 ] || return 0
	STACK_FILES=$DRILL_DIR/files
	"$STACK_HOME/tests/stack/lib/scale.py" "$DRILL_FACTOR" "$STACK_HOME" "$STACK_FILES" >"$DRILL_DIR/scale.out" 2>&1 ||
		die "can't make time run $DRILL_FACTOR times faster: $(tail -n 1 "$DRILL_DIR/scale.out")"
	# One minute by default: also a duration, but of no file.
	STACK_PROMETHEUS_FLAGS=--rules.alert.resend-delay=$((60000 / DRILL_FACTOR))ms
	export STACK_FILES STACK_PROMETHEUS_FLAGS
}

# --- what runs ---

inside() { "$STACK_HOME/tools/stack.sh" exec "$@"; }

# while_open PIPE OUT COMMAND...: in the background, until this shell closes the pipe, or is gone. Descriptors 7 and 8 are
# what holds the pipes open, so nobody may keep them: hence exec, since dash saves what it redirects for a function.
while_open() {
	pipe=$DRILL_DIR/$1.pipe out=$DRILL_DIR/$2.out
	shift 2
	(
		exec <"$pipe" >>"$out" 2>&1 6>&- 7>&- 8>&-
		"$@"
	) &
}
until_closed="$STACK_HOME/tools/drill/until-closed.sh"

start_stack() {
	STACK_SIDELIGHT_FLAGS="--set drills.enabled=true ${STACK_SIDELIGHT_FLAGS-}"
	export STACK_SIDELIGHT_FLAGS
	setpriv --pdeathsig TERM "$STACK_HOME/tools/stack.sh" </dev/null >"$DRILL_DIR/stack.out" 2>&1 6>&- 7>&- 8>&- &
	stack=$!
	until [ -e "$STACK_DIR/run/ready" ]; do
		must_go_on
		sleep 0.1
	done
}

# Not before it answers: Alertmanager waits longer and longer before it tries again.
start_sink() {
	while_open rest sink inside sink "$until_closed" \
		socat "TCP-LISTEN:${SINK#*:},bind=${SINK%:*},reuseaddr,fork" "EXEC:sh $STACK_HOME/tools/drill/sink.sh"
	tries=0
	until inside alertmanager curl -fs --noproxy '*' --max-time 2 -o /dev/null -d '{}' "http://$SINK/"; do
		must_go_on
		tries=$((tries + 1))
		[ $tries -lt 50 ] || die "the receiver of pages does not answer: $(tail -n 1 "$DRILL_DIR/sink.out")"
		sleep 0.1
	done
}

# Steady: one curl, one connection, a number in each URL.
requests() {                    # requests A_SECOND URL
	echo "curl -s -o /dev/null --noproxy * --max-time 5 --rate $1/s $2[1-9000000]"
}

# Where Sidelight listens, from its own log: the port is another one on loopback.
public_port() { sed -n '/"event":"listening"/s/.*"port":"public","address":"[^"]*:\([0-9]*\)".*/\1/p' "$STACK_DIR/log/sidelight-1.log"; }

start_good() {
	set -f
	# shellcheck disable=SC2046 # words
	while_open rest good "$until_closed" $(requests "$DRILL_GOOD" "http://127.0.0.1:$STACK_PORT/?n=")
	set +f
}
# From the server's own network: Caddy routes no drill.
start_bad() {
	set -f
	# shellcheck disable=SC2046
	while_open bad bad inside sidelight-1 "$until_closed" $(requests "$DRILL_BAD" "http://127.0.0.1:$(public_port)/api/error?n=")
	set +f
}

# --- the end ---

must_go_on() {
	[ -z "$signalled" ] || finish 130
	kill -0 "$stack" 2>/dev/null || { stack=''; tail -n 20 "$DRILL_DIR/stack.out" >&2; finish 1 "the stack ended by itself"; }
}

# finish STATUS [WHY]
finish() {
	trap '' INT TERM HUP
	[ $# -eq 1 ] || tell "$2"
	[ "$1" -ne 130 ] || tell "interrupted"
	exec 7>&- 8>&-
	[ -z "$stack" ] || { kill -TERM "$stack" 2>/dev/null || :; }
	wait
	tell "all ended; the logs are in $STACK_DIR/log"
	trap - EXIT
	exit "$1"
}
on_exit() {
	status=1
	[ -z "$signalled" ] || status=130
	[ -z "$stack" ] || finish $status
}

# --- the rehearsal ---

# Until both windows have seen good traffic, so that what follows is the errors' doing.
good_phase() {
	start_good
	tell "good traffic: $DRILL_GOOD requests a second through Caddy"
	until burns_are_known; do next; done
	tell "all is calm; a page needs a burn rate over 14.4 in both windows"
}

bad_phase() {
	start_bad
	began=$(now)
	tell "ERRORS BEGIN: $DRILL_BAD a second"
	until has_page; do next; done
	look
	tell "THE PAGE ARRIVED, $(since "$began") after the first error:"
	page_text | sed 's/^/          /'
	exec 7>&-
	tell "ERRORS STOP. On a server the alert would end once its short window is clean again, in five to thirty minutes."
}

# Ctrl-C goes to the whole group: the shell that asks for the time may be the one it ends.
next() {
	spent=$(elapsed) || :
	must_go_on
	[ "$spent" -lt "$DRILL_LIMIT" ] || finish 1 "NO PAGE after $DRILL_LIMIT s"
	look
	sleep 0.5
}

signalled='' stack=''
drill_settings
take_drill_directory
receivers
faster
exec 7<>"$DRILL_DIR/bad.pipe" 8<>"$DRILL_DIR/rest.pipe"
trap 'signalled=1' INT TERM HUP
trap on_exit EXIT
tell "starting the path$([ "$DRILL_FACTOR" -eq 1 ] || echo ", where time runs $DRILL_FACTOR times faster for the rules")"
start_stack
start_sink
tell "it runs: http://127.0.0.1:$STACK_PORT/; what is written goes to $DRILL_DIR"
good_phase
bad_phase
finish 0
