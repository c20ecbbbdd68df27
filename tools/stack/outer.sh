# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The part of tools/stack.sh that stays on the host: it checks what is needed, makes the world in which the services
# run (world.sh, inner.sh), opens the one port on the host's loopback, and hands signals on.

WORLD='--net --mount --pid --fork --kill-child'        # flags of unshare; world_flags has one more, or none

# "netns", or "loopback" and why.
choose_net() {
	STACK_WHY=
	if [ "${STACK_NET-}" = loopback ]; then
		STACK_WHY='STACK_NET=loopback'
	elif [ -n "${STACK_WORLD-}" ] || can_make_world; then
		STACK_NET=netns
	else
		[ "${STACK_NET-}" != netns ] || die "no network namespaces here: $STACK_WHY"
		STACK_NET=loopback
	fi
	export STACK_NET STACK_WHY
}

# Root needs no user namespace, unless it is a root of little power, as in a container.
can_make_world() {
	command -v ip >/dev/null || { STACK_WHY='there is no command ip (Debian package iproute2)'; return 1; }
	for world_flags in '' '--user --map-root-user'; do
		[ -n "$world_flags" ] || [ "$(id -u)" -eq 0 ] || continue
		# shellcheck disable=SC2086 # several flags, or none
		STACK_WHY=$(unshare $world_flags $WORLD sh "$STACK_HOME/tools/stack/world.sh" \
			sh -c 'ip link add name probe type bridge && ip link add name probe-a type veth peer name probe-b' 2>&1) && return 0
	done
	STACK_WHY=$(echo "$STACK_WHY" | tail -n 1)
	return 1
}

# For tests: outside of a world, when none can be made, they say why they skip.
world() {
	if can_make_world; then
		# shellcheck disable=SC2086
		exec unshare $world_flags $WORLD sh "$STACK_HOME/tools/stack/world.sh" "$@"
	fi
	STACK_NO_WORLD=$STACK_WHY
	export STACK_NO_WORLD
	exec "$@"
}

# What is not on this machine, with the Debian package it is in.
needs() {
	rows='curl=curl perl=perl-base flock=util-linux setpriv=util-linux setsid=util-linux'
	[ "$STACK_NET" = loopback ] || rows="$rows ip=iproute2 dnsmasq=dnsmasq-base mount=mount unshare=util-linux nsenter=util-linux"
	for s in $STACK_ONLY; do
		case $s in
		sidelight) [ -x "$SIDELIGHT" ] || die "there is no $SIDELIGHT: run make first" ;;
		caddy) rows="$rows caddy=caddy socat=socat" ;;
		prometheus) rows="$rows prometheus=prometheus" ;;
		alertmanager) rows="$rows prometheus-alertmanager=prometheus-alertmanager" ;;
		blackbox) rows="$rows prometheus-blackbox-exporter=prometheus-blackbox-exporter" ;;
		esac
	done
	missing=
	for row in $rows; do
		command -v "${row%=*}" >/dev/null || missing="$missing, ${row%=*} (Debian package ${row#*=})"
	done
	[ -z "$missing" ] || die "missing commands: ${missing#, }; tools/setup.sh stack installs them"
}

# One stack at a time in a directory. What is deleted here was made by a stack: other directories are refused.
take_directory() {
	mkdir -p "$STACK_DIR"
	[ -e "$STACK_DIR/stack.lock" ] || [ -z "$(ls -A "$STACK_DIR")" ] ||
		die "STACK_DIR=$STACK_DIR is not empty, and no stack's"
	exec 9>>"$STACK_DIR/stack.lock"
	flock -n 9 || die "a stack runs in $STACK_DIR; another one needs its own STACK_DIR=... and STACK_PORT=..."
	for d in log run etc dns secrets; do
		rm -rf "${STACK_DIR:?}/$d"
		mkdir -m 700 "$STACK_DIR/$d"
	done
	mkdir -p "$STACK_DIR/data"
}

# As Compose publishes Caddy's port: on the host's loopback, arriving at Caddy from the edge network's gateway. A Unix
# socket is the way into the world. Relative, since such a path must be short.
publish() {
	! port_taken "$STACK_PORT" || die "port $STACK_PORT is taken; choose another: STACK_PORT=8081 tools/stack.sh"
	[ "$STACK_NET" = netns ] || return 0
	(
		cd "$STACK_DIR/run" || exit
		exec setsid setpriv --pdeathsig KILL socat -d -d -t 15 \
			"TCP-LISTEN:$STACK_PORT,bind=127.0.0.1,reuseaddr,fork,backlog=256" UNIX-CONNECT:published.sock
	) >"$STACK_DIR/log/published-port.log" 2>&1 9>&- </dev/null &
	publisher=$!
	until grep -q 'listening on' "$STACK_DIR/log/published-port.log"; do
		kill -0 $publisher 2>/dev/null ||
			die "can't listen on 127.0.0.1:$STACK_PORT: $(tail -n 1 "$STACK_DIR/log/published-port.log")"
		sleep 0.02
	done
}

# SIGTERM to the first process of the world, which ends all in order; a second signal, or one that comes before there is
# a world, ends it at once.
on_signal() {
	signalled=1 signals=$((signals + 1))
	[ -z "$inner" ] || pass_on
}
pass_on() {
	if [ $signals -gt 1 ] || ! kill -TERM "$(cat "$STACK_DIR/run/stack.pid" 2>/dev/null)" 2>/dev/null; then
		kill -KILL "$inner" 2>/dev/null || :
	else
		echo wake 1<>"$STACK_DIR/run/control"
	fi
}

outer() {
	inner='' publisher='' world_flags='' signals=0 status=0
	trap on_signal INT TERM HUP
	choose_net
	[ "$STACK_NET" = netns ] || [ "$STACK_REPLICAS" -eq 1 ] || die "STACK_REPLICAS needs network namespaces: $STACK_WHY"
	needs
	take_directory
	! has "$STACK_ONLY" caddy || publish
	set -- sh "$STACK_HOME/tools/stack/inner.sh"
	# shellcheck disable=SC2086 # several flags, or none
	[ "$STACK_NET" = loopback ] || [ -n "${STACK_WORLD-}" ] ||
		set -- unshare $world_flags $WORLD sh "$STACK_HOME/tools/stack/world.sh" "$@"
	unset STACK_PID             # of another world
	# In a session of its own, so that Ctrl-C reaches this script only; and it dies with this script, however that ends.
	setpriv --pdeathsig KILL setsid "$@" </dev/null &
	inner=$!
	[ $signals -eq 0 ] || pass_on
	while :; do
		signalled=
		wait $inner && got=0 || got=$?
		[ $got -eq 127 ] || status=$got
		[ -n "$signalled" ] || break
	done
	trap '' INT TERM HUP
	# Its children, one for each connection, are in its group.
	[ -z "$publisher" ] || { kill -TERM "-$publisher" && wait "$publisher"; } 2>/dev/null || :
	[ $signals -eq 0 ] || say "all ended"
	exit $status
}

# A command in a namespace of the stack that runs.
join() {
	[ -e "$STACK_DIR/run/stack.pid" ] && ! flock -n "$STACK_DIR/stack.lock" true || die "no stack runs in $STACK_DIR"
	pid=$(cat "$STACK_DIR/run/stack.pid")
	namespace=$1
	shift
	net=$(cat "$STACK_DIR/run/net")
	[ "$net" = netns ] || exec "$@"
	user=
	[ "$(readlink "/proc/$pid/ns/user")" = "$(readlink /proc/self/ns/user)" ] || user='--user --preserve-credentials'
	[ "$namespace" = hub ] || set -- nsenter "--net=/run/netns/$namespace" -- "$@"
	# shellcheck disable=SC2086
	exec nsenter --target "$pid" $user --mount --net --pid -- "$@"
}
