# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The networks of compose.yaml, made of namespaces. This world's own namespace is the hub, as the host is in Docker: it
# has a bridge for each network, with the gateway's address, and forwards nothing between them. Each service has a
# namespace, connected to its networks only, without a default route; and a resolver, which knows the names on these
# networks only.

NETWORKS='edge:250 front:251 dashboards:252 scrape:253 tunnel-metrics:254 egress:255'

# NAMESPACE NETWORK HOST NAMES; "-": no name yet. The tunnel is optional: it gets its name when there is one.
members() {
	cat <<-END
		cloudflared edge 2 -
		cloudflared tunnel-metrics 2 -
		caddy edge 3 caddy
		caddy front 3 caddy
		caddy dashboards 3 caddy
		grafana dashboards 17 grafana
		prometheus dashboards 18 prometheus
		prometheus scrape 3 prometheus
		prometheus tunnel-metrics 3 prometheus
		alertmanager dashboards 19 alertmanager
		alertmanager egress 3 alertmanager
		blackbox dashboards 20 blackbox
		sink egress 4 sink
	END
	n=1
	while [ $n -le "$STACK_REPLICAS" ] || [ $n -le 2 ]; do
		names='sidelight sidelight-metrics'
		[ $n -le "$STACK_REPLICAS" ] || names=-
		echo "sidelight-$n front $((16 + n)) ${names% *}"
		echo "sidelight-$n scrape $((16 + n)) $names"
		n=$((n + 1))
	done
}

GROUP=250       # of all these interfaces in the hub
NAMESPACES='' resolvers=''
subnet() { s=${NETWORKS##*"$1:"}; echo "172.31.${s%% *}"; }

# What tells ip how to build it: the hub, then one namespace.
hub_plan() {
	for n in $NETWORKS; do
		echo "link add name ${n%:*} type bridge"
		echo "addr add 172.31.${n#*:}.1/27 dev ${n%:*}"
		echo "link set ${n%:*} group $GROUP addrgenmode none up"
	done
	for n in $NAMESPACES; do
		echo "netns add $n"
	done
	members | while read -r namespace network host _; do
		end=$(subnet "$network" | sed 's/.*[.]/v/')-$host
		echo "link add name $end type veth peer name $network netns $namespace"
		echo "link set $end group $GROUP addrgenmode none master $network up"
	done
}

namespace_plan() {
	echo "link set lo up"
	members | while read -r namespace network host _; do
		[ "$namespace" = "$1" ] || continue
		echo "link set $network addrgenmode none up"
		echo "addr add $(subnet "$network").$host/27 dev $network"
	done
}

net_up() {
	NAMESPACES=$(members | cut -d' ' -f1 | sort -u)
	net_down    # what a stack that was killed has left, when several start in one world
	echo 0 >/proc/sys/net/ipv4/ip_forward 2>/dev/null || :
	hub_plan | ip -batch - || die "can't build the networks"
	for n in $NAMESPACES; do
		namespace_plan "$n" | ip -n "$n" -batch - || die "can't build the networks"
	done
	for n in $NETWORKS; do
		members | while read -r _ network host names; do
			[ "$network" = "${n%:*}" ] && [ "$names" != - ] || continue
			echo "$(subnet "$network").$host $names"
		done >"$STACK_DIR/dns/${n%:*}"
	done
}

# In one go: each interface alone would take tens of milliseconds.
net_down() {
	{
		echo "link del group $GROUP"
		for n in $NAMESPACES; do echo "netns del $n"; done
	} | ip -force -batch - >/dev/null 2>&1 || :
}

# The resolver of a namespace. A name without address does not exist; nothing is asked of anyone else.
resolver() {
	set -- "$1" dnsmasq --no-daemon --log-facility=- --conf-file=/dev/null --no-resolv --no-hosts --no-poll --local=/#/ \
		--listen-address=127.0.0.11 --bind-interfaces
	for network in $(members | sed -n "s/^$1 \([^ ]*\) .*/\1/p"); do
		set -- "$@" "--addn-hosts=$STACK_DIR/dns/$network"
	done
	within "$@"
}

# set_name NAME ADDRESS...: what it resolves to from now on, each address on its own network.
set_name() {
	name=$1
	shift
	for n in $NETWORKS; do
		file=$STACK_DIR/dns/${n%:*}
		awk -v name="$name" '{ line = $1; for (i = 2; i <= NF; i++) if ($i != name) line = line " " $i
			if (line != $1) print line }' "$file" >"$file.new"
		for address in "$@"; do
			[ "${address%.*}" != "172.31.${n#*:}" ] || echo "$address $name" >>"$file.new"
		done
		mv "$file.new" "$file"
	done
	for s in $resolvers; do
		reads=$(grep -c 'read .*/dns/' "$STACK_DIR/log/$s.log")
		files=$(members | grep -c "^${s#resolver-} ")
		kill -HUP "$(cat "$STACK_DIR/run/$s.pid")"
		until [ "$(grep -c 'read .*/dns/' "$STACK_DIR/log/$s.log")" -ge $((reads + files)) ]; do sleep 0.01; done
	done
	: >"$STACK_DIR/run/dns.ready"
}
