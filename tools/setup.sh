#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the packages that building, or building and testing, needs: only those that are missing, and it says which.
# What a package brings as a service is neither started now nor at the next boot.
# usage: setup.sh build|stack|test|bench
#        setup.sh --install PACKAGE...      (as root: what the above runs by sudo)
set -eu

# package=probe, where the probe says whether the thing is there without the package: a command, a header, a Python
# module, or a Go library. Only asked when dpkg does not know the package, so a machine that has all pays for one dpkg-query.
BUILD='
	gcc=cmd:cc  make=cmd:make  libc6-dev=hdr:stdio.h
	libh2o-evloop-dev=hdr:h2o.h  libssl-dev=hdr:openssl/ssl.h  libyaml-dev=hdr:yaml.h
	libcjson-dev=hdr:cjson/cJSON.h  libseccomp-dev=hdr:seccomp.h  libsqlite3-dev=hdr:sqlite3.h  libsodium-dev=hdr:sodium.h  zlib1g-dev=hdr:zlib.h'
STACK='
	caddy=cmd:caddy  prometheus=cmd:prometheus  prometheus-alertmanager=cmd:prometheus-alertmanager
	prometheus-blackbox-exporter=cmd:prometheus-blackbox-exporter
	iproute2=cmd:ip  dnsmasq-base=cmd:dnsmasq  socat=cmd:socat  curl=cmd:curl'
TEST='
	libcmocka-dev=hdr:cmocka.h  libcurl4-openssl-dev=hdr:curl/curl.h
	python3-prometheus-client=py:prometheus_client  python3-yaml=py:yaml  python3-jsonschema=py:jsonschema
	python3-aiosmtpd=py:aiosmtpd  docker-compose=cmd:docker-compose
	clang=cmd:clang  clang-format=cmd:clang-format  clang-tidy=cmd:clang-tidy  libclang-rt-14-dev=lib:fuzzer
	strace=cmd:strace  valgrind=cmd:valgrind  systemd=cmd:systemd-analyze  nginx-light=cmd:nginx  haproxy=cmd:haproxy
	faketime=cmd:faketime  slowhttptest=cmd:slowhttptest  bubblewrap=cmd:bwrap'
# 370 MB of disk.
BROWSER='
	chromium=cmd:chromium  chromium-driver=cmd:chromedriver'
# The peers of `make bench`, what they are measured with, and what draws the picture: 600 MB of disk, mostly Go.
BENCH='
	nginx=cmd:nginx  wrk=cmd:wrk  valgrind=cmd:valgrind  linux-perf=cmd:perf  util-linux=cmd:taskset
	python3-fastapi=py:fastapi  uvicorn=py:uvicorn  python3-uvloop=py:uvloop  python3-httptools=py:httptools
	python3-prometheus-client=py:prometheus_client  python3-matplotlib=py:matplotlib
	golang-go=cmd:go  golang-github-prometheus-client-golang-dev=go:github.com/prometheus/client_golang
	golang-github-mattn-go-sqlite3-dev=go:github.com/mattn/go-sqlite3'
POLICY=/usr/sbin/policy-rc.d
PATH="$PATH:/usr/sbin:/sbin"    # where an ordinary user's dnsmasq and ip are

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

present() {
	case $1 in
	cmd:*) command -v "${1#*:}" >/dev/null ;;
	hdr:*) printf '#include <stdarg.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <%s>\n' "${1#*:}" |
		${CC:-cc} -D_GNU_SOURCE -DH2O_USE_LIBUV=0 -E -x c - >/dev/null 2>&1 ;;
	go:*) [ -d "/usr/share/gocode/src/${1#*:}" ] ;;
	py:*) /usr/bin/python3 -c "import ${1#*:}" 2>/dev/null ;;
	lib:*) echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
		clang "-fsanitize=${1#*:}" -x c -o /dev/null - 2>/dev/null ;;
	esac
}

missing() {                     # PACKAGE=PROBE... -> the packages to install
	installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' $(printf '%s\n' "$@" | sed 's/=.*//') 2>/dev/null |
		sed -n 's/^ii *//p' || true)
	for row in "$@"; do
		case "
$installed
" in
		*"
${row%%=*}
"*) ;;
		*) present "${row#*=}" || echo "${row%%=*}" ;;
		esac
	done
}

# --- as root ---

# Debian's packages start their services as they are installed, unless policy-rc.d forbids it. Ours forbids every start,
# stop and restart as long as this script or its apt-get lives (they hold a lock on it), and nothing after that, should
# this script be killed before it can tidy up.
MARK='# left by setup.sh of sidelight; safe to delete'
forbid_services() {
	if [ -e "$POLICY" ] || [ -h "$POLICY" ]; then
		if grep -qsF "$MARK" "$POLICY"; then
			rm -f "$POLICY"
		else
			status=0
			"$POLICY" prometheus start >/dev/null 2>&1 || status=$?
			[ $status -eq 101 ] || die "$POLICY is there and lets services start; install by hand: apt-get install $*"
			return 0                # it forbids starts already: it stays as it is
		fi
	fi
	mkdir -p "${POLICY%/*}"
	ours=1
	printf '#!/bin/sh\n%s\nflock -n %s true || exit 101\nexit 0\n' "$MARK" "$POLICY" >"$POLICY"
	exec 9<"$POLICY"
	flock 9
	chmod 755 "$POLICY"
}

installed_packages() { dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' | sed -n 's/^i. *//p' | sort -u; }

# A package also enables its units for the next boot. They can't be masked against that beforehand (the postinst unmasks
# first), so those of packages that are new are disabled right after. Removing the links is all that `systemctl disable`
# does; it needs no running systemd, and an upgrade of the package takes their absence for your wish.
disable_new_services() {
	[ -f "$tmp/before" ] || return 0
	for package in $(installed_packages | comm -13 "$tmp/before" -); do
		links=
		for unit in $(dpkg -L "$package" | sed -n 's!.*/lib/systemd/system/!!p'); do
			links="$links$(find /etc/systemd/system -type l -lname "*/$unit" -print -delete 2>/dev/null)"
		done
		for script in $(dpkg -L "$package" | sed -n 's!^/etc/init[.]d/!!p'); do
			find /etc/rc[2-5].d -name "S[0-9][0-9]$script" 2>/dev/null | grep -q . || continue
			links=$script
			update-rc.d "$script" disable >/dev/null || say "could not disable $script"
		done
		[ -z "$links" ] || say "$package is installed; its service was neither started nor enabled"
	done
	[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
}

tidy_up() {
	disable_new_services
	[ -z "$ours" ] || rm -f "$POLICY"
	rm -rf "$tmp"
}

install() {
	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
	ours='' tmp=$(mktemp -d)
	trap tidy_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	installed_packages >"$tmp/before"
	forbid_services "$@"
	apt-get -qq update || say "apt-get update failed; trying with the lists as they are"
	# No recommended packages (Prometheus would bring its node exporter), and nothing of yours is removed.
	# Ctrl-C may end the download, but not leave packages half installed: hence the session of its own.
	set -- apt-get -y -qq --no-install-recommends --no-remove install "$@"
	"$@" --download-only >"$tmp/log" 2>&1 && setsid -w "$@" >>"$tmp/log" 2>&1 ||
		{ cat "$tmp/log" >&2; die "apt-get failed"; }
	say "done"
}

# --- as anyone ---

case "${1-}" in
build) rows=$BUILD ;;
stack) rows="$BUILD $STACK" ;;
test) rows="$BUILD $STACK $TEST $BROWSER" ;;
bench) rows="$BUILD $BENCH" ;;
--install) shift; install "$@"; exit 0 ;;
*) die "usage: setup.sh build|stack|test|bench" ;;
esac

packages=$(missing $rows | paste -sd' ')
[ -n "$packages" ] || exit 0
command -v apt-get >/dev/null || die "this system has no apt-get; install what Debian calls: $packages"
say "installing with apt-get (a few minutes at worst), none of it started as a service: $packages"
if [ "$(id -u)" -eq 0 ]; then
	exec "$0" --install $packages
elif command -v sudo >/dev/null; then
	exec sudo "$0" --install $packages
else
	die "that needs root, and there is no sudo; as root: $0 --install $packages"
fi
