#!/bin/sh
# SPDX-License-Identifier: MIT
# A check that cannot fail is decoration. In a copy of the files, tools/check-compose.py must pass as things are, and see
# each fault planted for it; and so must the Specification's schema and docker-compose, where they are installed.
set -u
cd "$(dirname "$0")/../.." || exit 1

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$tmp/src/config" "$tmp/tests/stack/lib"
cp -r compose.yaml Dockerfile .dockerignore .gitignore cloudflared Caddyfile config prometheus grafana slo-rules.yml docs tools Makefile \
	VERSION LICENSE "$tmp"
cp src/config/config_keys.def "$tmp/src/config"
cp tests/stack/lib/stack.h "$tmp/tests/stack/lib"
binary=${SIDELIGHT:-$PWD/build/dev/sidelight}
bad=0 n=0

check() { SIDELIGHT=$binary "$tmp/tools/check-compose.py" "$@" "$tmp" >"$tmp/out" 2>&1; }
check || { echo "compose-faults: check-compose.py fails on the files as they are:"; head -n 5 "$tmp/out"; exit 1; }
# The last words say what was there to be asked.
linked=$(grep -o ldd "$tmp/out") schema=$(grep -o 'the schema' "$tmp/out") config=$(grep -o 'compose config' "$tmp/out")
binary=none      # What it is linked with is asked again only where that matters: it takes the longest.

# fault FILE SED-SCRIPT WHAT [OPTION]: with the file so changed, the check must fail, and say WHAT.
fault() {
	n=$((n + 1))
	cp -p "$tmp/$1" "$tmp/saved"
	sed -E -i "$2" "$tmp/$1"
	if cmp -s "$tmp/$1" "$tmp/saved"; then
		echo "compose-faults: nothing was planted in $1 by: $2"; bad=1
	elif check ${4---own}; then
		echo "compose-faults: not seen: $1: $2"; bad=1
	elif ! grep -qF -- "$3" "$tmp/out"; then
		echo "compose-faults: seen, but not because of '$3': $1: $2"; head -n 5 "$tmp/out"; bad=1
	fi
	mv "$tmp/saved" "$tmp/$1"
}
# Between the line that begins a service (or network) and the next one.
in_() { printf '%s\n' "/^  $1:\$/,/^  [a-z]/{ $2 }"; }
c=compose.yaml

# --- who can reach whom
fault $c "$(in_ caddy 's/^      front: .*/&\n      scrape: {}/')"        'network scrape: its members are caddy'
fault $c "$(in_ grafana 's/^      dashboards: .*/&\n      scrape: {}/')"  'network scrape: its members are grafana'
fault $c "$(in_ sidelight 's/^      front: .*/&\n      edge: {}/')"      'network edge: its members are'
fault $c "$(in_ sidelight 's/^      front: .*/&\n      egress: {}/')"    'network egress: its members are'
fault $c "$(in_ cloudflared 's/tunnel-metrics:/dashboards:/')"           'network dashboards: its members are'
fault $c "$(in_ prometheus '/^      tunnel-metrics:/d')"                 'network tunnel-metrics: its members are cloudflared'
fault $c "$(in_ scrape 's/internal: true/internal: false/')"             'network scrape: internal?'
fault $c "$(in_ front '/internal: true/d')"                              'network front: internal?'
fault $c "$(in_ egress 's/^    ipam/    internal: true\n&/')"            'network egress: internal?'
fault $c 's/^  egress:$/  way-out:/'                                     'network egress: in the design or in compose.yaml'
fault $c 's/(scrape: \{aliases: \[)sidelight-metrics/\1sidelight-api/'   'the aliases are'
fault $c 's/^      front: \{\}/      front: {aliases: [sidelight-metrics]}/' 'the aliases are'
fault $c 's/^(      front: \{)\}/\1 ipv4_address: 172.31.251.17}/'       'network front: fixed addresses are'
fault $c 's/(edge: \{ipv4_address: 172.31.250.)2/\14/'                   'network edge: fixed addresses are'
fault $c 's/(subnet: 172.31.252.0\/27, ip_range: 172.31.252.)16\/28/\10\/27/' 'network dashboards: 172.31.252.3 of caddy is in ip_range'
fault $c 's/subnet: 172.31.253.0\/27/subnet: 172.31.252.0\/27/'          'network scrape'
fault $c 's/gateway: 172.31.250.1/gateway: 172.31.250.2/'                'network edge: gateway is not'
fault $c 's/"127.0.0.1:(\$.*:80")/"\1/'                                  'caddy publishes 8080:80'
fault $c 's/"127.0.0.1:(\$)/"0.0.0.0:\1/'                                'caddy publishes 0.0.0.0:8080:80'
fault $c "$(in_ sidelight 's/^    networks:/    ports: ["127.0.0.1:9091:9091"]\n&/')" 'sidelight publishes 127.0.0.1:9091:9091'
fault $c "$(in_ prometheus 's/^    networks:/    ports: ["127.0.0.1:9090:9090"]\n&/')" 'prometheus publishes'
fault $c "$(in_ caddy '/^    ports:/d')"                                 'caddy publishes nothing'
fault $c "$(in_ caddy 's/^    networks:/    network_mode: host\n&/')"    'network_mode is not for here'
fault Caddyfile 's/(SIDELIGHT_PORT:)8000/\19091/'                        'Caddyfile names port 9091'
fault Caddyfile 's/(SIDELIGHT_HOST:)sidelight/\1sidelight-metrics/g'     'caddy shares no network with sidelight-metrics'
fault Dockerfile 's/^EXPOSE 8000/& 9091/'                                'Dockerfile names port 9091'

# --- who is believed
fault $c 's/(TUNNEL_CIDR: 172.31.250.)2/\10/; s/(TUNNEL_CIDR: .*)32/\127/' 'caddy: TUNNEL_CIDR is not 172.31.250.2/32'
fault Caddyfile 's/(TUNNEL_CIDR:172.31.250.)2/\11/g'                     'Caddyfile: TUNNEL_CIDR is not 172.31.250.2/32'
fault config/sidelight.yaml 's/172.31.251.3/172.31.251.1/'               'trusted_proxies is not 172.31.251.3'
fault config/sidelight.yaml 's/172.31.251.3\/32/172.31.251.0\/27/'       'trusted_proxies is not 172.31.251.3'
fault $c 's/(GF_AUTH_PROXY_WHITELIST: 172.31.252.)3/\118/'               'GF_AUTH_PROXY_WHITELIST is not 172.31.252.3'
fault $c '/GF_AUTH_PROXY_WHITELIST/d'                                    'GF_AUTH_PROXY_WHITELIST is not'
fault $c 's/(GF_AUTH_BASIC_ENABLED: )"false"/\1"true"/'                  'GF_AUTH_BASIC_ENABLED is not false'
fault $c 's/(AUTO_ASSIGN_ORG_ROLE: )Viewer/\1Admin/'                     'AUTO_ASSIGN_ORG_ROLE is not Viewer'
fault $c 's/GOMEMLIMIT: 900MiB/GOMEMLIMIT: 1100MiB/'                   'GOMEMLIMIT is not below'
fault $c 's/^      TUNNEL_CIDR/      TUNNEL_NET/'                        'the Caddyfile knows no TUNNEL_NET'
fault $c 's/^      TUNNEL_CIDR.*/&\n      CADDY_BIND: ""/'               'CADDY_BIND is empty'

# --- what a broken service could do
fault $c '/^  read_only: true/d'                                         'caddy: its root is writable'
fault $c "$(in_ grafana 's/^    user:/    read_only: false\n&/')"        'grafana: its root is writable'
fault $c 's/^  cap_drop: \[ALL\]/  cap_drop: [NET_RAW]/'                 'sidelight: cap_drop is not [ALL]'
fault $c "$(in_ sidelight 's/^    user:/    cap_add: [NET_BIND_SERVICE]\n&/')" 'sidelight: cap_add'
fault $c 's/no-new-privileges:true/seccomp:unconfined/'                  'security_opt is not no-new-privileges'
fault $c "$(in_ blackbox 's/^    user: .*/    user: "0:0"/')"            'blackbox: user is no number, or root'
fault $c "$(in_ alertmanager '/^    user:/d')"                           'alertmanager: user is no number, or root'
fault $c "$(in_ grafana 's/^    user:/    privileged: true\n&/')"        'grafana: privileged is not for here'
fault $c "$(in_ prometheus 's/^      - prometheus-data.*/&\n      - \/var\/run\/docker.sock:\/var\/run\/docker.sock:ro/')" \
	'prometheus mounts docker.sock'
fault $c 's/(\.\/config:\/etc\/sidelight):ro/\1/'                        './config is writable'
fault $c "$(in_ grafana '/^    mem_limit:/d')"                           'grafana: mem_limit'
fault $c "$(in_ caddy 's/^    mem_limit: .*/    mem_limit: lots/')"      'caddy: mem_limit'
fault $c "$(in_ sidelight '/^    cpus:/d')"                              'sidelight: cpus'
fault $c "$(in_ sidelight 's/^    pids_limit: .*/    pids_limit: -1/')"  'sidelight: pids_limit'
fault $c 's/, options: \{max-size: 10m, max-file: "3"\}//'               'its log grows'
fault $c "$(in_ caddy 's/(\/data:size=16m,mode=1777),noexec/\1/')"       'caddy: tmpfs /data has no size, or programs run'
fault $c "$(in_ sidelight 's/size=16m,//')"                              'sidelight: tmpfs /tmp has no size'
fault $c 's/^      GF_LOG_MODE.*/&\n      GF_SECURITY_ADMIN_PASSWORD: admin/' 'grafana: a secret in GF_SECURITY_ADMIN_PASSWORD'
fault $c 's/TUNNEL_TOKEN_FILE: .*/TUNNEL_TOKEN: abc/'                    'cloudflared: a secret in TUNNEL_TOKEN'

# --- what is named and is not there
fault $c "$(in_ caddy '/^    secrets:/d')"                               'secrets: users is defined and not used'
fault $c '/^  users: /d'                                                 'secrets: users is used and not defined'
fault $c '/^  grafana-data: /d'                                          'volumes: grafana-data is used and not defined'
fault $c '/^  front:$/,/^    ipam/d'                                     'networks: front is used and not defined'
fault $c 's/secrets\/grafana_admin\}/secrets\/admin}/'                   'secret grafana_admin is not ./secrets/grafana_admin'
fault $c 's/^  tunnel_token: .*/  tunnel_token: {external: true}/'       'secrets: tunnel_token is from outside'
fault tools/secrets.sh 's/tunnel_token/tunnel_key/g'                     'tools/secrets.sh does not make tunnel_token'
fault .gitignore '/secrets/d'                                            '.gitignore does not keep secrets out'
fault $c 's/\.\/docs:/.\/doc:/'                                          './doc is missing'
fault $c '/slo-rules.yml:/d'                                             'prometheus: slo-rules.yml is not mounted'
fault $c 's/(prometheus\/blackbox.yml:\/etc\/)blackbox_exporter/\1blackbox/' 'blackbox_exporter/blackbox.yml is not mounted'
fault $c "$(in_ caddy 's/^      sidelight: \{cond/      cloudflared: {cond/')" 'caddy depends on cloudflared, which runs only with its profile'
fault $c "$(in_ caddy 's/^      sidelight: \{cond/      sidelights: {cond/')" 'caddy depends on sidelights, which there is not'
fault $c 's/condition: service_healthy/condition: service_started/'      'does not wait until'
fault $c 's/\$\{PUBLIC_URL:-[^}]*\}\/grafana\/$/${PUBLIC_URL}\/grafana\//' 'a variable without a default'
fault $c "$(in_ grafana 's/^    user:/    user: "1:1"\n&/')"             'key user is there twice'
fault prometheus/prometheus.yml 's/grafana:3000/grafana:3001/'           'grafana has no port 3001'
fault prometheus/prometheus.yml "s/caddy:2020/gateway:2020/"             'prometheus shares no network with gateway'
fault prometheus/prometheus.yml 's/job_name: caddy$/job_name: front/'    'prometheus.yml: no job for caddy'

# --- versions, health, time
fault $c 's/(image: caddy:)2.11.4/\12.10.2/'                             'past a matcher'
fault $c 's/(image: prom\/prometheus:).*/\1latest/'                      'image prom/prometheus:latest is not exact'
fault $c 's/(image: grafana\/grafana:12.4).*/\1/'                        'image grafana/grafana:12.4 is not exact'
fault $c 's/(image: sidelight:).*/\19.9.9/'                              'image is not sidelight:'
fault $c "$(in_ caddy '/^    healthcheck:/,/^      start_period/d')"     'caddy: healthcheck asks nothing'
fault $c 's/\[CMD, \/usr\/local\/bin\/sidelight/[CMD-SHELL, sidelight/'  'sidelight: healthcheck asks nothing, or needs a shell'
fault $c 's/healthcheck, --config, \/etc\/sidelight\/sidelight.yaml\]/healthcheck]/' 'healthcheck asks with other settings'
fault $c 's/9090\/prometheus\/-\/ready/9090\/-\/ready/'                  'prometheus: healthcheck does not ask'
fault $c "$(in_ sidelight 's/timeout: 4s/timeout: 40s/')"                'sidelight: healthcheck: timeout is not below interval'
fault $c 's/(stop_grace_period: )30s/\112s/'                             'stop_grace_period is not 10 s above its drain'
fault config/sidelight.yaml '$a drain:\n  timeout: 1m'                   'stop_grace_period is not 10 s above its drain'
fault $c 's/start_period: 25s/start_period: 5s/'                         'start_period is not above store.lock_wait'
fault $c 's/nofile: \{soft: 16384/nofile: {soft: 1024/'                  'nofile is not above limits.connections'
fault $c "$(in_ caddy 's/(stop_grace_period: ).*/\15s/')"                'caddy: stop_grace_period is not above grace_period'
fault $c 's/(retention.time=)35d/\115d/'                                 'keeps less than the 30 days'
fault $c '/retention.time=/d'                                            'keeps less than the 30 days'
fault $c '/exemplar-storage/d'                                           'its command lacks --enable-feature=exemplar-storage'
fault config/sidelight.yaml 's/metrics: sidelight-metrics:9091/metrics: 0.0.0.0:9091/' 'listen.metrics is not the alias'
fault config/sidelight.yaml 's/(path: )\/var\/lib\/sidelight/\1\/tmp/'   'store.path is not in its volume'
fault $c 's/(sidelight-data:\/var\/lib\/)sidelight/\1other/'             'sidelight: what it keeps is'

# --- the tunnel
t=cloudflared/config.yml
fault $t '$d'                                                            'the last one, and only that, takes everything'
fault $t '$s/http_status:404/http:\/\/caddy:80/'                         'what no rule takes is not 404'
fault $t 's/(service: http:\/\/caddy:80)$/\1\/api/'                      'one has no path'
fault $t 's/(service: http:\/\/)caddy:80/\1sidelight:8000/'              'cloudflared: ingress rule 2: cloudflared shares no network with sidelight'
fault $t '/path: \(\?i\)/,+1d'                                           'cloudflared: /metrics is let in'
fault $t 's/path: \(\?i\)\^/path: ^/'                                    'cloudflared: /METRICS is let in'
fault $t 's/metrics\(\/\|\$\)/metrics/'                                  'cloudflared: /metrics.js does not reach caddy'
fault $t 's/path: \(\?i\)\^\/\+\(.*\)\?metrics/path: metrics/'           'may match in the middle'
fault $t 's/^metrics: 172.31.254.2/metrics: 0.0.0.0/'                    'cloudflared: metrics are not on tunnel-metrics alone'
fault $t 's/keepAliveTimeout: 60s/keepAliveTimeout: 5m/'                 'keepAliveTimeout is not below Caddy'
fault $t 's/^grace-period: .*/grace-period: 1m/'                         'stop_grace_period is not above grace-period'
fault $t 's/^no-autoupdate: true/no-autoupdate: false/'                  'cloudflared: it updates itself'
fault $t 's/^credentials-file/credentials_file/'                         'cloudflared: settings'
fault $c '/profiles: \[tunnel\]/d'                                       'cloudflared: its profile is not [tunnel]'

# --- the image
d=Dockerfile
fault $d 's/^USER .*/USER root/'                                         'USER is not compose.yaml'
fault $d 's/^(FROM \$\{BASE\})$/FROM debian:sid/'                        'not two stages, both from BASE'
fault $d 's/^(ARG BASE=debian:)bookworm/\1trixie/'                       'BASE is not debian:bookworm-slim'
fault $d 's/^(ARG VERSION=).*/\10.0.0/'                                  'VERSION is not'
fault $d 's/^COPY LICENSE .*/COPY . \/usr\/share\/doc\/sidelight\//'     '.dockerignore and COPY differ'
fault $d 's/ -o 65532 -g 65532 -m 700//'                                 '/var/lib/sidelight is not its user'
fault .dockerignore '/^\*$/d'                                            '.dockerignore lets in what it does not name'
fault .dockerignore 's/^!src/!secrets\n&/'                               '.dockerignore and COPY differ: secrets'
if [ -n "$linked" ]; then
	binary=${SIDELIGHT:-$PWD/build/dev/sidelight}
	fault $d 's/ libwslay1//'                                        'package libwslay1'
	fault $d 's/ libyaml-0-2/& libcurl4/'                            'package libcurl4'
	binary=none
fi

# --- the same without Docker
fault tools/stack/net.sh 's/cloudflared edge 2 /cloudflared edge 4 /'    'net.sh: cloudflared has 172.31.250.4 on edge'
fault tools/stack/net.sh 's/front:251/front:249/'                        'net.sh: its networks are others'
fault tools/stack/net.sh 's/^(\s+)grafana dashboards .*/&\n\1caddy scrape 4 caddy/' 'net.sh: caddy on scrape'
fault tests/stack/lib/stack.h 's/(EDGE_TUNNEL "172.31.250.)2/\19/'       'stack.h: EDGE_TUNNEL is 172.31.250.9'

# --- what others see
[ -z "$schema" ] || fault $c "$(in_ caddy 's/^    restart/    start/; s/^    image/    imagine: x\n&/')" 'schema: services.caddy' ' '
[ -z "$config" ] || fault $c 's/^    cpus: 0.5/    cpus: [half]/'        'compose: ' ' '

[ $bad -eq 0 ] && echo "compose-faults: $n planted faults seen"
exit $bad
