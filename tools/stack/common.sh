# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What every part of tools/stack.sh shares: messages, settings, and which services there are.

say() { echo "stack: $*"; }
die() { echo "stack: $*" >&2; exit 1; }

has() { case " $1 " in *" $2 "*) return 0 ;; *) return 1 ;; esac; }    # has "a b c" b

absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

settings() {
	: "${STACK_PORT:=8080}" "${STACK_REPLICAS:=1}" "${STACK_ONLY:=sidelight caddy prometheus alertmanager blackbox}"
	: "${PUBLIC_URL:=http://localhost:$STACK_PORT}"
	STACK_DIR=$(absolute "${STACK_DIR:-$STACK_HOME/build/stack}")
	STACK_FILES=$(absolute "${STACK_FILES:-$STACK_HOME}")
	SIDELIGHT=$(absolute "${SIDELIGHT:-$STACK_HOME/build/sidelight}")
	case $STACK_PORT in '' | 0* | *[!0-9]* | ??????*) die "STACK_PORT=$STACK_PORT is no port" ;; esac
	[ "$STACK_PORT" -le 65535 ] || die "STACK_PORT=$STACK_PORT is no port"
	case $STACK_REPLICAS in [1-9]) ;; *) die "STACK_REPLICAS=$STACK_REPLICAS is not in 1..9" ;; esac
	case ${STACK_NET-} in '' | netns | loopback) ;; *) die "STACK_NET=$STACK_NET is neither netns nor loopback" ;; esac
	STACK_SERVICES=
	for s in $STACK_ONLY; do
		case $s in
		sidelight) s=$(seq -s' ' -f 'sidelight-%g' 1 "$STACK_REPLICAS") ;;
		caddy | prometheus | alertmanager | blackbox) ;;
		*) die "STACK_ONLY: '$s' is no service (sidelight caddy prometheus alertmanager blackbox)" ;;
		esac
		STACK_SERVICES="$STACK_SERVICES $s"
	done
	export STACK_PORT STACK_REPLICAS STACK_ONLY PUBLIC_URL STACK_DIR STACK_FILES SIDELIGHT STACK_SERVICES
}
