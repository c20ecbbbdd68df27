# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The services: how each is run, when it is ready, how all are started and ended.

# Becomes a command in a namespace. It dies with the watch.sh that started it.
within() {
	namespace=$1
	shift
	[ "$STACK_NET" = loopback ] || set -- nsenter "--net=/run/netns/$namespace" -- "$@"
	exec setpriv --pdeathsig KILL "$@"
}

# Becomes the service. The flags are those of compose.yaml, but for paths.
run_service() {
	name=$1 etc=$STACK_DIR/etc data=$STACK_DIR/data/$1
	mkdir -p "$data"
	cd "$data" || exit
	case $name in
	resolver-*) resolver "${name#resolver-}" ;;
	published) cd "$STACK_DIR/run" && exec setpriv --pdeathsig KILL socat -t 15 \
		UNIX-LISTEN:published.sock,fork,backlog=256,mode=600 "TCP:172.31.250.3:80" ;;
	sidelight-*)
		# shellcheck disable=SC2086
		within "$name" "$SIDELIGHT" --config "$etc/sidelight/sidelight.yaml" --set "store.path=$data/sidelight.db" \
			$LOOPBACK_SIDELIGHT ${STACK_SIDELIGHT_FLAGS-} ;;
	caddy)
		export HOME="$data" XDG_DATA_HOME="$data" XDG_CONFIG_HOME="$data"
		export DOCS_DIR="$STACK_FILES/docs" USERS_FILE="$STACK_DIR/secrets/users" LOGINS_FILE="$STACK_DIR/secrets/logins"
		caddy_environment
		within caddy caddy run --config "$etc/caddy/Caddyfile" --adapter caddyfile ;;
	prometheus)
		# shellcheck disable=SC2086
		within prometheus prometheus --config.file="$etc/prometheus/prometheus.yml" --storage.tsdb.path="$data" \
			--storage.tsdb.retention.time=35d --storage.tsdb.retention.size=8GB --enable-feature=exemplar-storage \
			--web.external-url="$PUBLIC_URL/prometheus/" --web.route-prefix=/prometheus/ $LOOPBACK_PROMETHEUS ${STACK_PROMETHEUS_FLAGS-} ;;
	alertmanager)
		# shellcheck disable=SC2086
		within alertmanager prometheus-alertmanager --config.file="$etc/alertmanager/alertmanager.yml" \
			--storage.path="$data" --cluster.listen-address= \
			--web.external-url="$PUBLIC_URL/grafana/alerting" --web.route-prefix=/ $LOOPBACK_ALERTMANAGER ;;
	blackbox)
		# shellcheck disable=SC2086
		within blackbox prometheus-blackbox-exporter --config.file="$etc/blackbox/blackbox.yml" $LOOPBACK_BLACKBOX ;;
	esac
}

# What an older Caddy calls otherwise (see the Caddyfile).
caddy_environment() {
	version=$(caddy version | sed 's/^v*\([0-9]*\)[.]\([0-9]*\).*/\1 \2/')
	minor=${version#* }
	[ "${version% *}" = 2 ] || return 0
	[ "$minor" -ge 8 ] || export BASIC_AUTH_DIRECTIVE=basicauth
	[ "$minor" -ge 9 ] || export CADDY_METRICS_GLOBAL='' CADDY_METRICS_NESTED=metrics
}

# What answers 200 once the service is ready. The hub reaches every network.
ready_urls() {
	case $1 in
	sidelight-*)
		host=$((16 + ${1#sidelight-}))
		echo "$(at 251.$host "$PORT_SIDELIGHT")/health/readiness $(at 253.$host "$PORT_METRICS")/health/readiness" ;;
	caddy) echo "$(at 252.3 "$PORT_CADDY")/healthz" ;;
	prometheus) echo "$(at 252.18 "$PORT_PROMETHEUS")/prometheus/-/ready" ;;
	alertmanager) echo "$(at 252.19 "$PORT_ALERTMANAGER")/-/ready" ;;
	blackbox) echo "$(at 252.20 "$PORT_BLACKBOX")/-/healthy" ;;
	esac
}
at() { [ "$STACK_NET" = netns ] && echo "172.31.$1:$2" || echo "127.0.0.1:$2"; }

is_ready() {
	case $1 in
	resolver-*) grep -qs 'read .*/dns/' "$STACK_DIR/log/$1.log" ;;
	published) [ -S "$STACK_DIR/run/published.sock" ] ;;
	*)
		# Caddy's public port by a bare connection: a request would stand in its log and in its numbers.
		[ "$1" != caddy ] || socat -u OPEN:/dev/null "TCP:$(at 250.3 "$PORT_PUBLIC")" 2>/dev/null || return 1
		for url in $(ready_urls "$1"); do
			curl -fs -o /dev/null --noproxy '*' --max-time 2 "http://$url" || return 1
		done ;;
	esac
}

start_service() {
	rm -f "$STACK_DIR/run/$1.ready" "$STACK_DIR/run/$1.status"
	setpriv --pdeathsig KILL sh "$STACK_HOME/tools/stack/watch.sh" "$1" &
}

# Waits until it is ready; false, and says why, when it ended or took too long.
await_ready() {
	tries=0
	until is_ready "$1"; do
		tries=$((tries + 1))
		if [ -e "$STACK_DIR/run/$1.status" ]; then
			say "$1 ended with status $(cat "$STACK_DIR/run/$1.status") before it was ready; its log, $STACK_DIR/log/$1.log:"
		elif [ $tries -ge 600 ]; then
			say "$1 did not become ready in 30 s; its log, $STACK_DIR/log/$1.log:"
		else
			[ -z "$stopping" ] || return 1
			sleep 0.05
			continue
		fi
		tail -n 12 "$STACK_DIR/log/$1.log" | cut -c 1-400 | sed 's/^/    /'
		return 1
	done
	: >"$STACK_DIR/run/$1.ready"
}

# SIGTERM to each of these, and their ends waited for. Status 0 is what a service owes that ends in order.
stop_services() {
	for s in "$@"; do
		pid=$(cat "$STACK_DIR/run/$s.pid" 2>/dev/null) || continue
		kill -TERM "$pid" 2>/dev/null || :
		kill -CONT "$pid" 2>/dev/null || :
	done
	tries=0
	for s in "$@"; do
		while [ -e "$STACK_DIR/run/$s.pid" ]; do
			tries=$((tries + 1))
			if [ $tries -eq 1000 ]; then
				say "$s did not end in 20 s: killed"
				kill -KILL "$(cat "$STACK_DIR/run/$s.pid")" 2>/dev/null || :
			fi
			sleep 0.02
		done
	done
}
