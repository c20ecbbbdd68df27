#!/bin/sh
# SPDX-License-Identifier: MIT
# `make compose-test`: builds the image and starts all of compose.yaml, from a copy and under a name of its own, looks at it as a user,
# an operator and a curious neighbour would, and takes it away again. For a machine with a Docker engine, Compose v2 and
# the internet (to pull images); elsewhere it says why it skips. The tunnel is not started: it needs an account.
# environment: COMPOSE_TEST_PORT (18080), COMPOSE_TEST_WAIT (300 s, for everything to be healthy)
set -eu
cd "$(dirname "$0")/.."

NAME=sidelight-compose-test
PORT=${COMPOSE_TEST_PORT:-18080}
URL=http://localhost:$PORT
CONFIG='--config /etc/sidelight/sidelight.yaml'
FORGED=203.0.113.99

skip() { echo "compose-test: skipped: $*"; exit 0; }

command -v docker >/dev/null || skip "there is no docker on this machine"
# What `docker info` says of the client comes first, what is wrong last.
why=$(docker info 2>&1) || skip "docker info: $(printf '%s\n' "$why" | tail -n 1)"
docker compose version >/dev/null 2>&1 || skip "docker has no compose (Debian package docker-compose-plugin, or docker-compose-v2)"
command -v curl >/dev/null || skip "there is no curl on this machine"
taken=$(docker network ls -q | xargs -r docker network inspect -f '{{.Name}}{{range .IPAM.Config}} {{.Subnet}}{{end}}' |
	grep -F ' 172.31.25' | head -n 1 || true)
[ -z "$taken" ] || skip "a network is there already: $taken (does the stack run here?)"

# --- a copy, so that what runs here is neither your secrets nor your data ---

tmp=$(mktemp -d)
logs=$PWD/build/compose-test
n=0 bad=0
compose() { (cd "$tmp/tree" && docker compose -p "$NAME" -f compose.yaml -f test.yaml "$@"); }
clean_up() {
	trap '' INT TERM HUP
	if [ -e "$tmp/tree/test.yaml" ]; then
		mkdir -p "$logs"
		compose logs --no-color --timestamps >"$logs/all.log" 2>&1 || :
		compose down --volumes --timeout 40 >"$tmp/down" 2>&1 || { cat "$tmp/down"; echo "compose-test: could not take it away"; }
		docker image rm "$NAME" >/dev/null 2>&1 || :
	fi
	rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir "$tmp/tree"
cp -r compose.yaml Caddyfile Dockerfile .dockerignore Makefile VERSION LICENSE slo-rules.yml cloudflared config docs grafana \
	prometheus src tools "$tmp/tree"
# As a checkout has it: containers are other users.
chmod -R u=rwX,go=rX "$tmp/tree"
# Not the tag of a server that may run on this machine.
printf 'services:\n  sidelight:\n    image: %s\n' "$NAME" >"$tmp/tree/test.yaml"
STACK_PORT=$PORT PUBLIC_URL=$URL REVISION=$(git rev-parse -q --verify --short=12 HEAD 2>/dev/null || echo unknown)
export STACK_PORT PUBLIC_URL REVISION
unset COMPOSE_PROFILES COMPOSE_FILE
password=$(cd "$tmp/tree" && tools/secrets.sh | sed -n 's/^ *user: ops *password: *//p')

# --- checks ---

check() {                       # WHAT WANTED GOT
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		bad=$((bad + 1))
		echo "not ok $n - $1: wanted '$2', got '$3'"
	fi
}
status() { curl -s -o /dev/null -w '%{http_code}' --max-time 20 --path-as-is "$@" || :; }
as_ops() { curl -s --max-time 20 --user "ops:$password" "$@" || :; }
contains() { case $1 in *"$2"*) echo yes ;; *) echo no ;; esac; }       # TEXT PART
can() { if "$@" >/dev/null 2>&1 </dev/null; then echo yes; else echo no; fi; }
inside() { service=$1; shift; compose exec -T "$service" "$@"; }
fetch() { inside "$1" wget -q -T 4 -O /dev/null "$2"; }
sidelight_logged() { contains "$(docker logs "$(container sidelight)" 2>&1)" "$1"; }
container() { compose ps -q "$1"; }
address() { docker inspect -f "{{(index .NetworkSettings.Networks \"${NAME}_$2\").IPAddress}}" "$(container "$1")"; }
# The one value of an instant query; empty: no series.
query() {
	as_ops --get --data-urlencode "query=$1" "$URL/prometheus/api/v1/query" |
		sed -n 's/.*"value":\[[0-9.]*,"\([^"]*\)"\].*/\1/p'
}
# WHAT WANTED COMMAND...: asked again for two minutes.
eventually() {
	what=$1 wanted=$2 tries=0
	shift 2
	until got=$("$@") && [ "$got" = "$wanted" ]; do
		tries=$((tries + 1))
		[ $tries -lt 60 ] || break
		sleep 2
	done
	check "$what" "$wanted" "$got"
}

# --- what users see ---

users_see() {
	check "the welcome page" 200 "$(status "$URL/")"
	check "health" 200 "$(status "$URL/health")"
	check "a contact is stored" 201 "$(status -H 'Content-Type: application/json' -H "CF-Connecting-IP: $FORGED" \
		-H "X-Real-IP: $FORGED" -d '{"name":"A","email":"a@example.com","message":"from compose-test"}' "$URL/contact")"
	for path in /metrics //metrics /METRICS /%6detrics /grafana/metrics /prometheus/metrics /prometheus/-/ready \
		/prometheus/api/v1/admin/tsdb/snapshot /api/error /nowhere; do
		check "$path is not there" 404 "$(status "$URL$path")"
		check "$path is not there for operators" 404 "$(status --user "ops:$password" "$URL$path")"
	done
	for path in /grafana/ /prometheus/graph /runbook; do
		check "$path wants a password" 401 "$(status "$URL$path")"
		check "$path wants the right password" 401 "$(status --user ops:wrong "$URL$path")"
		check "$path is shown" 200 "$(status -L --user "ops:$password" "$URL$path")"
	done
}

operators_see() {
	check "Grafana knows who is there" yes "$(contains "$(as_ops "$URL/grafana/api/user")" '"login":"ops"')"
	for uid in sidelight-traffic sidelight-slo sidelight-process sidelight-contact; do
		check "dashboard $uid" 200 "$(status --user "ops:$password" "$URL/grafana/api/dashboards/uid/$uid")"
	done
	check "Grafana reaches Prometheus" 200 \
		"$(status --user "ops:$password" "$URL/grafana/api/datasources/proxy/uid/prometheus/api/v1/query?query=up")"
	eventually "every target is up" 7 query 'sum(up)'
	eventually "nothing is down" '' query 'count(up == 0)'
	eventually "the contact is counted" 1 query 'sum(contact_submissions_total)'
	eventually "the probe goes through" 1 query 'probe_success'
	eventually "Prometheus hands alerts on" 1 query 'prometheus_notifications_alertmanagers_discovered'
}

# --- who can reach what ---

neighbours_see() {
	scrape=$(address sidelight scrape)
	check "Caddy reaches the public port" yes "$(can fetch caddy http://sidelight:8000/health)"
	for target in sidelight sidelight-metrics "$scrape" "$(address sidelight front)"; do
		check "Caddy does not reach 9091 by $target" no "$(can fetch caddy "http://$target:9091/metrics")"
	done
	check "Prometheus reaches 9091" yes "$(can fetch prometheus http://sidelight-metrics:9091/metrics)"
	check "Alertmanager does not reach 9091" no "$(can fetch alertmanager "http://$scrape:9091/metrics")"
	check "Sidelight reaches nothing outside" no "$(can inside sidelight timeout 4 bash -c 'exec 3<>/dev/tcp/1.1.1.1/443')"
	check "Prometheus reaches nothing outside" no "$(can fetch prometheus http://1.1.1.1/)"
	check "one port is published" "127.0.0.1:$PORT->80/tcp" \
		"$(docker ps --filter "label=com.docker.compose.project=$NAME" --format '{{.Ports}}' | tr ',' '\n' | grep -e '->' | tr -d ' ')"
}

hardened() {
	for service in sidelight caddy prometheus alertmanager blackbox grafana; do
		check "$service: read-only, no capabilities" 'true [ALL]' \
			"$(docker inspect -f '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}' "$(container "$service")")"
		check "$service: limits" 'limited' "$(docker inspect -f \
			'{{with .HostConfig}}{{if and .Memory .NanoCpus .PidsLimit}}limited{{end}}{{end}}' "$(container "$service")")"
		check "$service: was not restarted" 0 "$(docker inspect -f '{{.RestartCount}}' "$(container "$service")")"
	done
	check "Sidelight is nobody" 65532 "$(inside sidelight id -u | tr -d '\r')"
	check "Sidelight's root is read-only" no "$(can inside sidelight touch /x /etc/x)"
	check "a forged client address is not believed" no "$(sidelight_logged "$FORGED")"
	check "Sidelight trusts Caddy" no "$(sidelight_logged untrusted_forwarding)"
}

# --- what operators do ---

settings_change() {
	{ cat "$tmp/tree/config/sidelight.yaml"; printf 'log:\n  level: debug\n'; } >"$tmp/tree/config/new"
	mv "$tmp/tree/config/new" "$tmp/tree/config/sidelight.yaml"
	compose kill -s HUP sidelight >/dev/null 2>&1
	eventually "SIGHUP reads the file that an editor put there" yes \
		sidelight_logged '"event":"reloaded"'
}

upgrade() {
	check "backup while it runs" yes \
		"$(can inside sidelight sidelight store backup /var/lib/sidelight/backup.db $CONFIG)"
	old=$(container sidelight)
	compose stop sidelight >/dev/null 2>&1
	check "Sidelight ends in order" '0 false' "$(docker inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' "$old")"
	check "and Caddy says so" 5 "$(status "$URL/health" | cut -c 1)"
	compose up -d --force-recreate --no-deps --wait sidelight >/dev/null 2>&1 || :
	eventually "and it is back" 200 status "$URL/health"
	check "with its messages" yes "$(contains "$(inside sidelight sidelight contacts list $CONFIG)" 'from compose-test')"
	eventually "and Prometheus found it again" 1 query 'sum(up{job="sidelight"})'
}

echo "compose-test: building and starting (images are pulled the first time)"
if ! compose up -d --build --wait --wait-timeout "${COMPOSE_TEST_WAIT:-300}" >"$tmp/up" 2>&1; then
	tail -n 40 "$tmp/up"
	compose ps --all || :
	echo "compose-test: it did not become healthy; logs: $logs/all.log"
	exit 1
fi
users_see
operators_see
neighbours_see
hardened
settings_change
upgrade
docker image inspect -f 'compose-test: the image has {{.Size}} bytes' "$NAME"
docker stats --no-stream --format 'compose-test: {{.Name}} {{.MemUsage}}' $(compose ps -q)
echo "compose-test: $n checks, $bad failed"
[ $bad -eq 0 ]
