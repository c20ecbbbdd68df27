#!/bin/sh
# SPDX-License-Identifier: MIT
# A check that cannot fail is decoration. In a copy of the tree, every check must pass as things are, and fail on each
# fault planted for it.
set -u
cd "$(dirname "$0")/../.." || exit 1

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
copy() {
	find "$tmp" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
	cp -r Makefile VERSION .clang-format .clang-tidy .ci tools src tests bench deploy docs sidelight.yaml README.md HACKING.md CHANGELOG.md \
		SECURITY.md LICENSE \
		Caddyfile compose.yaml .env.example config cloudflared prometheus grafana slo-rules.yml "$tmp"
}
bad=0 n=0

# As if from a shell: nothing of the make this may run under. No set-up: what lint needs is there.
try() { (cd "$tmp" && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s SETUP=: "$@" >"$tmp/out" 2>&1); }
passes() { try "$1" || { echo "lint-faults: $1 fails on the tree as it is:"; head -n 5 "$tmp/out"; bad=1; }; }

# fails TARGET WHAT: the target must fail now, and say WHAT (a name from the fault, so that it fails for this reason).
fails() {
	n=$((n + 1))
	if try "$1"; then
		echo "lint-faults: $1 does not see: $2"; bad=1
	elif ! grep -qF -- "$2" "$tmp/out"; then
		echo "lint-faults: $1 fails, but not because of: $2"; head -n 20 "$tmp/out"; bad=1
	fi
}
# plant FILE LINE TARGET WHAT: appends the line (a printf format) to the file, which may be new, and takes it back.
plant() {
	[ ! -e "$tmp/$1" ] || cp -p "$tmp/$1" "$tmp/saved"
	# shellcheck disable=SC2059
	printf "$2" >>"$tmp/$1"
	fails "$3" "$4"
	rm -f "$tmp/$1"
	[ ! -e "$tmp/saved" ] || mv "$tmp/saved" "$tmp/$1"
}
# without FILE TEXT TARGET WHAT: takes every line with TEXT out of the file.
without() {
	cp -p "$tmp/$1" "$tmp/saved"
	grep -vF -- "$2" "$tmp/saved" >"$tmp/$1"
	fails "$3" "$4"
	mv "$tmp/saved" "$tmp/$1"
}
# change FILE SED TARGET WHAT: the file, changed; the change must be one.
change() {
	cp -p "$tmp/$1" "$tmp/saved"
	sed "$2" "$tmp/saved" >"$tmp/$1"
	! cmp -s "$tmp/$1" "$tmp/saved" || { echo "lint-faults: $2 changes nothing in $1"; bad=1; }
	fails "$3" "$4"
	mv "$tmp/saved" "$tmp/$1"
}

copy
for target in format-check layers banned length scripts docs-check tests-check units-check caddy-check alerting-check; do
	passes $target
done

plant src/base/fault.c '#include "http/guard.h"\n'    layers 'base/ may not include http/'
plant src/store/fault.c '#include "api/api.h"\n'      layers 'store/ may not include api/'
plant src/base/fault.c '#include "buf.h"\n'           layers 'write "dir/buf.h"'
plant src/api/fault.c '#include <h2o.h>\n'            layers 'may include <h2o'
plant src/metrics/fault.h '# include <h2o/url.h>\n'   layers 'may include <h2o'
plant src/config/fault.c '#include <yaml.h>\n'        layers 'may include <yaml.h'
plant src/http/fault.c '#include <cjson/cJSON.h>\n'   layers 'may include <cjson/'
plant src/http/fault.c '#include <seccomp.h>\n'       layers 'may include <seccomp'
plant src/store/fault.c '#include <sqlite3.h>\n'      layers 'may include <sqlite3'
plant tools/layers.txt 'late: later\nlater:\n'        layers 'late may not use later'
mkdir "$tmp/src/stray"
plant src/stray/fault.c '#include "base/buf.h"\n'     layers 'stray/ is not in layers.txt'

for call in strcpy strncat sprintf atoi strtol system rand localtime; do
	plant src/api/fault.c "void f(void)\n{\n    $call(0);\n}\n" banned "banned: $(printf '\t%s' " $call(" | tr -d '\t')"
done
plant src/base/fault.c 'int x; // why\n'              banned 'fault.c:1: write /* */'
plant tests/unit/fault.c 'int x; /* a */ // b\n'      banned 'fault.c:1: write /* */'
plant src/base/fault.c '/*\n * TO''DO: later\n */\n'  banned 'fault.c:2: finish it'
plant tests/unit/fault.c '/* FIX''ME */\n'            banned 'fault.c:1: finish it'

plant src/base/fault.c "$(printf '/* %%s */\\n%.0s' $(seq 601))" length 'src/base/fault.c: 601 lines'
plant tools/fault.sh '#!/bin/sh\nif true; then\n'     scripts 'fault.sh'
plant src/base/fault.h 'struct fault { size_t n; };\n' build/headers/src/base/fault.h.ok size_t
plant src/base/fault.c 'int  fault;\n'                format-check 'fault.c:1'
plant tests/unit/fault.c 'int fault(void) {\n    return 0;\n}\n' format-check 'fault.c:1'
plant tests/unit/base/fault_test.c 'TEST(left_out)\n{\n}\nTEST(listed)\n{\n}\nRUN_TESTS(T(listed))\n' \
	tests-check 'left_out is in no RUN_TESTS'

tidy=build/tidy/base/fault.ok
plant src/base/fault.c 'int fault(int unused);\nint fault(int unused)\n{\n    return 0;\n}\n' $tidy misc-unused-parameters
plant src/base/fault.c '#include <stdio.h>\nvoid fault(FILE *f);\nvoid fault(FILE *f)\n{\n    fclose(f);\n}\n' $tidy cert-err33-c
plant src/base/fault.c "void fault(int *p);\nvoid fault(int *p)\n{\n$(printf '    ++*p;\\n%.0s' $(seq 60))}\n" \
	$tidy readability-function-size
plant src/base/fault.c 'int fault(void);\nint fault(void)\n{\n    int x = 1;\n    int unused;\n    return x;\n}\n' \
	build/dev/base/fault.o unused-variable

key=$(sed -n 's/^CONFIG("\([^"]*\)".*/\1/p' src/config/config_keys.def | head -n 1)
metric=$(sed -n 's/^COUNTER([^"]*"\([^"]*\)".*/\1/p' src/metrics/metrics.def | head -n 1)
plant src/config/config_keys.def 'CONFIG("contact.fault", fault, count, "1", 0, 9, LIVE,\n       "a fault")\n' \
	docs-check 'contact.fault of src/config/config_keys.def is not in docs/config.md'
plant src/config/config_keys.def 'CONFIG("contact.fault", fault, count, "1", 0, 9, LIVE,\n       "a fault")\n' \
	docs-check 'contact.fault is not in sidelight.yaml'
plant src/metrics/metrics.def 'COUNTER(FAULT, "fault_total",\n        "A fault.", ONE, NO_LABELS)\n' \
	docs-check 'fault_total of src/metrics/metrics.def is not in docs/metrics.md'
plant src/api/routes.c '    {HTTP_GET, "/fault", fault_get},\n' \
	docs-check '/fault of src/api/routes.c is not in docs/api.md'
plant docs/config.md '`contact.fault`\n'              docs-check 'docs/config.md names contact.fault'
plant docs/metrics.md '`fault_total{kind}`\n'         docs-check 'docs/metrics.md names fault_total'
plant docs/api.md '`GET /fault`\n'                    docs-check 'docs/api.md names /fault'
plant sidelight.yaml '\ncontact:\n  fault: 1\n'       docs-check 'contact.fault is no key'
without docs/config.md "\`$key\`"                     docs-check "$key of"
without docs/metrics.md "\`$metric"                   docs-check "$metric of"
without src/config/config_keys.def 'CONFIG("'         docs-check 'no rows found'
plant slo-rules.yml '    - record: a:b\n      expr: sum(rate(fault_total{a="b"}[5m])) by (a_label)\n' \
	docs-check 'no metric fault_total'
plant slo-rules.yml '    - record: a:b\n      expr: sum(dependency_up{nmae="store"})\n' docs-check 'dependency_up has no label nmae'

# The path around the server. (compose.yaml and grafana/ have their own: compose-faults.sh, dashboard-faults.sh.)
without docs/operations.md '### TunnelDown'           docs-check 'TunnelDown'
plant docs/operations.md '\n### NoSuchAlert\n\nTicket.\n' docs-check 'NoSuchAlert'
change docs/operations.md 's/| page | 6 | 6h/| page | 7 | 6h/' docs-check '| page | 6 | 6h'
change slo-rules.yml 's/for: 3m/for: 4m/'             docs-check 'SidelightReplicaDown'
change slo-rules.yml 's/#dependencydown/#dependencydwon/' docs-check 'DependencyDown'
plant README.md '[x](docs/no-such.md)\n'              docs-check 'docs/no-such.md'
change tests/faults/cases.txt '/^7\t/d'                          tests-check 'case 7 should'
change tests/faults/cases.txt 's/\/json_test.c:/\/jsno_test.c:/'    tests-check 'jsno_test.c'
change deploy/sidelight.service 's/TimeoutStopSec=20s/TimeoutStopSec=15s/'  units-check 'TimeoutStopSec'
change deploy/sidelight.service 's/^CapabilityBoundingSet=$/#&/'         units-check 'exposure'
change deploy/sidelight.socket 's/ListenStream=/ListenStraem=/'             units-check 'ListenStraem'
plant docs/server.md '{{env "HOME"}}\n'               caddy-check 'docs/server.md'
change Caddyfile 's/read_body 10s/read_bodies 10s/'   caddy-check 'read_bodies'
change Caddyfile 's/lb_policy round_robin/&\n\t\t\t\tfail_duration 10s/' caddy-check 'fail_duration'
change Caddyfile 's/remote_ip {/remote_ip forwarded {/' caddy-check 'forwarded'
change prometheus/alertmanager.yml 's/alertname = "TunnelDown"/alertname = "TunelDown"/' alerting-check 'TunelDown'
change slo-rules.yml 's/severity: ticket/severity: tickets/' alerting-check 'tickets'
change prometheus/alertmanager.yml 's/severity = "page"/severity = "pgae"/' alerting-check 'pgae'
change prometheus/alertmanager.yml 's/availability|contact/availabilty|contact/' alerting-check 'availabilty'
change prometheus/prometheus.yml 's/scrape_timeout: 5s/scrape_timeout: 50s/' alerting-check 'scrape timeout'
change slo-rules.yml 's/> 14[.]4$/> 24/'            rules-check 'FAILED'

# The runner of the tests, which must not believe what a program says that crashed, hung or ran nothing.
program() {
	mkdir -p "$tmp/build"
	printf '#!/bin/sh\n%s\n' "$1" >"$tmp/build/program" && chmod +x "$tmp/build/program"
	TEST_TIMEOUT=1 "$tmp/tools/run-tests.sh" "$tmp/build/program" >"$tmp/out" 2>&1
	status=$?
	n=$((n + 1))
	[ "$status $(tail -n 1 "$tmp/out")" = "$2" ] && return
	echo "lint-faults: run-tests.sh: wanted '$2' of: $1"; cat "$tmp/out"; bad=1
}
program 'echo 1..2; echo "ok 1 - a"; echo "ok 2 # SKIP b"'  '0 1 passed, 0 failed, 1 skipped'
program 'echo 1..1; echo "not ok 1 - a"; exit 1'            '1 0 passed, 1 failed, 0 skipped'
program 'echo 1..1; echo "not ok 1 - a"'                    '1 0 passed, 1 failed, 0 skipped'
program 'echo 1..1; echo "ok 1 - a"; exit 66'               '1 1 passed, 1 failed, 0 skipped'
program 'echo 1..2; echo "ok 1 - a"; kill -SEGV $$'         '1 1 passed, 1 failed, 0 skipped'
program 'echo 1..2; echo "ok 1 - a"'                        '1 1 passed, 1 failed, 0 skipped'
program 'echo 1..1; echo "ok 1 - a"; sleep 30'              '1 1 passed, 1 failed, 0 skipped'
program ''                                                  '1 0 passed, 1 failed, 0 skipped'

rm -rf "$tmp/tests/unit"
mkdir "$tmp/tests/unit"
fails unit-suite 'no unit tests found'

[ $bad -eq 0 ] && echo "lint-faults: $n planted faults seen"
exit $bad
