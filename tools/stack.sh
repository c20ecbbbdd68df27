#!/bin/sh
# SPDX-License-Identifier: MIT
# The whole path on this machine, without Docker: sidelight, Caddy, Prometheus, Alertmanager and the blackbox exporter,
# with the files that production has, each in a network namespace as compose.yaml has it in a container. Needs no root.
# Where no namespaces can be made, all of it runs on 127.0.0.1, and says so.
#
# usage: stack.sh                            start it; Ctrl-C ends all
#        stack.sh exec NAMESPACE COMMAND...  run a command inside the stack that runs ("hub": the host's side)
#        stack.sh world COMMAND...           run a command where nothing collides and nothing outlives it (for tests)
# environment:
#   STACK_PORT      where Caddy answers on this host, on 127.0.0.1 (8080)
#   STACK_DIR       logs, data, secrets and process IDs of the services (build/stack); data stays, the rest is made anew
#   STACK_FILES     where the production files are (the project)
#   STACK_REPLICAS  of sidelight, each with its own store (1)
#   STACK_ONLY      services to start (sidelight caddy prometheus alertmanager blackbox)
#   STACK_NET       netns, or loopback: everything on 127.0.0.1 (what works here)
#   STACK_SIDELIGHT_FLAGS, STACK_PROMETHEUS_FLAGS  further arguments
#   PUBLIC_URL      what links in alerts begin with (http://localhost:STACK_PORT)
#   SIDELIGHT       the binary (build/sidelight)
#   Receivers of alerts: see tools/secrets.sh. From namespaces nothing reaches the internet.
set -eu

PATH=$PATH:/usr/sbin:/sbin      # where an ordinary user's ip and dnsmasq are
STACK_HOME=$(cd "$(dirname "$0")/.." && pwd)
export PATH STACK_HOME
. "$STACK_HOME/tools/stack/common.sh"
. "$STACK_HOME/tools/stack/loopback.sh"
. "$STACK_HOME/tools/stack/outer.sh"

case ${1-} in
'') settings && outer ;;
exec) [ $# -gt 2 ] || die "usage: stack.sh exec NAMESPACE COMMAND..."; shift; settings && join "$@" ;;
world) [ $# -gt 1 ] || die "usage: stack.sh world COMMAND..."; shift; world "$@" ;;
*) sed -n '/^# usage/,/^set/{ /^set/d; s/^# \{0,1\}//; p; }' "$0" >&2; exit 64 ;;
esac
