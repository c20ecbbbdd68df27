# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The stack without namespaces: every service on 127.0.0.1, on its own port or the next free one. The files get
# addresses for names; the networks are not separated.

port_taken() {
	awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { taken = 1 }
		END { exit !taken }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# free_port NAME PORT: exports NAME, PORT or the next one that is free.
free_port() {
	port=$2
	while port_taken "$port" || has "$ports" "$port"; do
		port=$((port + 1))
	done
	ports="$ports $port"
	export "$1=$port"
}

# The ports of the services, as they are in the files, or here.
choose_ports() {
	export PORT_PUBLIC=80 PORT_SIDELIGHT=8000 PORT_METRICS=9091 PORT_CADDY=2020 PORT_PROMETHEUS=9090
	export PORT_ALERTMANAGER=9093 PORT_BLACKBOX=9115
	export LOOPBACK_SIDELIGHT='' LOOPBACK_PROMETHEUS='' LOOPBACK_ALERTMANAGER='' LOOPBACK_BLACKBOX=''
	[ "$STACK_NET" = loopback ] || return 0
	PORT_PUBLIC=$STACK_PORT ports=$STACK_PORT
	free_port PORT_SIDELIGHT $PORT_SIDELIGHT
	free_port PORT_METRICS $PORT_METRICS
	free_port PORT_CADDY $PORT_CADDY
	free_port PORT_PROMETHEUS $PORT_PROMETHEUS
	free_port PORT_ALERTMANAGER $PORT_ALERTMANAGER
	free_port PORT_BLACKBOX $PORT_BLACKBOX
	LOOPBACK_SIDELIGHT="--set listen.public=127.0.0.1:$PORT_SIDELIGHT --set listen.metrics=127.0.0.1:$PORT_METRICS"
	LOOPBACK_SIDELIGHT="$LOOPBACK_SIDELIGHT --set trusted_proxies=127.0.0.1/32"
	LOOPBACK_PROMETHEUS="--web.listen-address=127.0.0.1:$PORT_PROMETHEUS"
	LOOPBACK_ALERTMANAGER="--web.listen-address=127.0.0.1:$PORT_ALERTMANAGER"
	LOOPBACK_BLACKBOX="--web.listen-address=127.0.0.1:$PORT_BLACKBOX"
	# Grafana is not here; port 1 is nobody's.
	export CADDY_BIND=127.0.0.1 CADDY_PORT="$STACK_PORT" CADDY_METRICS_PORT="$PORT_CADDY" GRAFANA_UPSTREAM=127.0.0.1:1
	export SIDELIGHT_HOST=127.0.0.1 SIDELIGHT_PORT="$PORT_SIDELIGHT" PROMETHEUS_UPSTREAM="127.0.0.1:$PORT_PROMETHEUS"
}

# prometheus.yml with addresses for names, and fixed targets for those that come from DNS; stdin to stdout.
with_addresses() {
	awk -v sidelight="127.0.0.1:$PORT_METRICS" '
		match($0, /[^ ]/) && RSTART <= depth { depth = 0 }
		/^ *dns_sd_configs:/ {
			depth = index($0, "dns_sd")
			sub(/dns_sd_configs:.*/, "static_configs:")
		}
		depth && /names:/ { print substr("                ", 1, depth + 1) "- targets: [" (/sidelight/ ? sidelight : "") "]" }
		!depth || /static_configs:/' |
		sed -e "s|localhost:9090|127.0.0.1:$PORT_PROMETHEUS|; s|alertmanager:9093|127.0.0.1:$PORT_ALERTMANAGER|" \
			-e "s|caddy:2020|127.0.0.1:$PORT_CADDY|; s|http://caddy/|http://127.0.0.1:$STACK_PORT/|" \
			-e "s|blackbox:9115|127.0.0.1:$PORT_BLACKBOX|; s|grafana:3000|127.0.0.1:1|"
}
