#!/bin/sh
# SPDX-License-Identifier: MIT
# The part of tools/stack.sh that runs inside the world: builds the networks, starts the services, says where things are,
# and waits. SIGTERM ends all. Its pipe, STACK_DIR/run/control, takes lines:
#   ended NAME STATUS    from watch.sh
#   wake                 after SIGTERM, which may come right before a read
# and, from tests:
#   expected NAME        it is about to be ended; that is no fault
#   start NAME           starts it again; then there is run/NAME.ready
#   dns NAME ADDRESS...  what the name resolves to; then there is run/dns.ready
set -eu
. "$STACK_HOME/tools/stack/common.sh"
. "$STACK_HOME/tools/stack/loopback.sh"
. "$STACK_HOME/tools/stack/net.sh"
. "$STACK_HOME/tools/stack/services.sh"

stopping=
trap 'stopping=1' TERM
mkfifo "$STACK_DIR/run/control"
exec 3<>"$STACK_DIR/run/control"
echo "$STACK_NET" >"$STACK_DIR/run/net"
echo "${STACK_PID:-$$}" >"$STACK_DIR/run/stack.pid"
# Caddy would ask a proxy for its upstreams.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

copy() {                        # copy FILE DIRECTORY: byte for byte
	mkdir -p "$STACK_DIR/etc/$2"
	cp "$STACK_FILES/$1" "$STACK_DIR/etc/$2/" || die "can't copy $1"
}

# The production files; and secrets of this run only, so that the password can be shown. Receivers of alerts come from
# the environment, not from .env: a stack on somebody's desk wakes nobody.
make_files() {
	if has "$STACK_ONLY" sidelight; then copy config/sidelight.yaml sidelight; fi
	if has "$STACK_ONLY" caddy; then copy Caddyfile caddy; fi
	if has "$STACK_ONLY" blackbox; then copy prometheus/blackbox.yml blackbox; fi
	if has "$STACK_ONLY" prometheus; then
		for f in prometheus/prometheus.yml prometheus/compat-rules.yml slo-rules.yml; do copy $f prometheus; done
		[ "$STACK_NET" = netns ] || with_addresses <"$STACK_FILES/prometheus/prometheus.yml" \
			>"$STACK_DIR/etc/prometheus/prometheus.yml"
	fi
	routes=$STACK_FILES
	has "$STACK_ONLY" alertmanager || routes=$STACK_HOME
	secrets=$("$STACK_HOME/tools/secrets.sh" --dir "$STACK_DIR/secrets" --files "$routes" --env /dev/null) ||
		die "tools/secrets.sh failed"
	login=$(echo "$secrets" | sed -n 's/^user: \(.*\)  password: \(.*\)/\1 \2/p')
	mkdir -p "$STACK_DIR/etc/alertmanager"
	cp "$STACK_DIR/secrets/alertmanager.yml" "$STACK_DIR/etc/alertmanager/"
}

start_group() {                 # all at once
	for s in "$@"; do start_service "$s"; done
	for s in "$@"; do await_ready "$s" || return 1; done
}

# The resolvers first, since a service that finds no names may wait long before it asks again.
start_all() {
	if [ "$STACK_NET" = netns ]; then
		net_up
		for n in $NAMESPACES; do resolvers="$resolvers resolver-$n"; done
		! has "$STACK_ONLY" caddy || published=published
	fi
	# shellcheck disable=SC2086
	start_group $resolvers $published && start_group $STACK_SERVICES
}

banner() {
	here=http://127.0.0.1:$STACK_PORT
	echo
	if [ "$STACK_NET" = netns ]; then
		echo "Sidelight and the path around it run, in networks like those of compose.yaml."
	else
		echo "Sidelight and the path around it run on 127.0.0.1; the networks are NOT separated ($STACK_WHY)."
	fi
	echo
	if has "$STACK_ONLY" caddy; then
		echo "  public        $here/health   $here/contact"
		has "$STACK_ONLY" prometheus && echo "  dashboards    $here/prometheus/   $here/runbook"
		echo "                user: ${login% *}  password: ${login#* }"
	fi
	echo "  not public    tools/stack.sh exec prometheus curl -s $(named sidelight-metrics "$PORT_METRICS")/metrics"
	echo "                tools/stack.sh exec alertmanager curl -s $(named localhost "$PORT_ALERTMANAGER")/api/v2/alerts"
	echo "  logs          $STACK_DIR/log/"
	for s in $STACK_SERVICES; do printf ' %s.log' "$s"; done | sed 's/^/               /'
	echo
	echo "Grafana is not part of this: Debian has none. So Prometheus calls it down."
	[ "$STACK_NET" = netns ] && [ -n "$(alert_receivers)" ] && echo "No alert can leave: the networks have no way out."
	echo "Ctrl-C ends all."
}
alert_receivers() { echo "${ALERT_WEBHOOK-}${ALERT_EMAIL-}${DEADMAN_WEBHOOK-}${OWNER_EMAIL-}"; }
named() { [ "$STACK_NET" = netns ] && echo "http://$1:$2" || echo "http://127.0.0.1:$2"; }

# From the front to the back, so that nothing is asked of what is gone.
stop_all() {
	# shellcheck disable=SC2046,SC2086
	{
		stop_services caddy $published
		stop_services $(seq -s' ' -f 'sidelight-%g' 1 "$STACK_REPLICAS") blackbox
		stop_services prometheus
		stop_services alertmanager
		stop_services $resolvers
	}
	[ "$STACK_NET" = loopback ] || net_down
}

# What a service's end means. One that ends by itself is a fault; so is a bad status of one that was told to.
on_end() {                      # NAME STATUS
	case $expected in
	*" $1 "*) expected=$(echo "$expected" | sed "s/ $1 / /"); return 0 ;;
	esac
	if [ -n "$stopping" ]; then
		case $1 in resolver-* | published) return 0 ;; esac
		[ "$2" != 0 ] || return 0
		# SIGTERM before it could handle it.
		[ "$2" != 143 ] || [ -e "$STACK_DIR/run/$1.ready" ] || return 0
	fi
	failed=1
	say "$1 ended with status $2; its log: $STACK_DIR/log/$1.log"
}

take_line() {                   # a line of the pipe, in words
	case $1 in
	ended) on_end "$2" "$3" ;;
	expected) expected=" $2$expected" ;;
	start) start_service "$2"; await_ready "$2" || say "$2 did not start again" ;;
	dns) shift; set_name "$@" ;;
	stopped) stopped=1 ;;
	esac
}

failed=0 published='' resolvers='' login='- -' expected=' ' stopped=
choose_ports
make_files
if start_all; then
	banner
	: >"$STACK_DIR/run/ready"
else
	[ -n "$stopping" ] || failed=1
	stopping=1
fi
while [ -z "$stopping" ]; do
	# A signal ends the read.
	# shellcheck disable=SC2086
	! read -r line <&3 || take_line $line
done
stop_all
echo stopped >&3
while [ -z "$stopped" ]; do
	read -r line <&3
	# shellcheck disable=SC2086
	take_line $line
done
exit $failed
