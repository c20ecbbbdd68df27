#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails if Prometheus, Alertmanager or the probe would not take their files, if an alert of slo-rules.yml would reach another
# receiver than its severity says, or if alertmanager.yml speaks of an alert, an SLO or a job that there is not: an inhibition
# whose alert was renamed is silent about it.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
bad=0
fail() { echo "alerting-check: $*" >&2; bad=1; }
quietly() { "$@" >"$dir/out" 2>&1 || { cat "$dir/out" >&2; fail "$* says no"; }; }

# As in the container: the rules stand beside prometheus.yml.
cp prometheus/prometheus.yml slo-rules.yml prometheus/compat-rules.yml "$dir"
quietly promtool check config "$dir/prometheus.yml"
quietly prometheus-blackbox-exporter --config.check --config.file=prometheus/blackbox.yml

# The file as it stands, and with each kind of receiver.
quietly amtool check-config prometheus/alertmanager.yml
mail='SMTP_HOST=smtp.example.com:587 SMTP_FROM=sidelight@example.com'
n=0
for settings in '' 'ALERT_WEBHOOK=https://alerts.example.com/x' 'DEADMAN_WEBHOOK=https://alive.example.com/x' \
	"ALERT_EMAIL=you@example.com $mail" "OWNER_EMAIL=you@example.com $mail SMTP_USER=you SMTP_PASSWORD=secret"; do
	n=$((n + 1))
	env $settings tools/secrets.sh --dir "$dir/secrets$n" --env /dev/null >/dev/null
	quietly amtool check-config "$dir/secrets$n/alertmanager.yml"
done

# Each alert and severity of the rules, as "alertname severity"; then what alertmanager.yml names.
/usr/bin/python3 - >"$dir/alerts" <<'EOT' || bad=1
import re
import sys
import yaml


def load(path):
    with open(path, encoding='utf-8') as file:
        return yaml.safe_load(file)


def alternatives(pattern):
    """`A(b|c)|D` as [Ab, Ac, D]: each must mean something."""
    group = re.search(r'(\w*)\(([^()]*)\)', pattern)
    if group:
        pattern = pattern.replace(group[0], '|'.join(group[1] + part for part in group[2].split('|')))
    return pattern.split('|')


def slos():
    with open('src/http/router.c', encoding='utf-8') as file:
        return re.findall(r'"(\w+)"', re.search(r'names\[SLOS\] = \{(.*?)\}', file.read())[1])


rules = [rule for group in load('slo-rules.yml')['groups'] for rule in group['rules'] if 'alert' in rule]
alerts = sorted({(rule['alert'], rule['labels']['severity']) for rule in rules})
known = {
    'alertname': {name for name, _ in alerts},
    'severity': {severity for _, severity in alerts},
    'slo': slos(),
    'job': {job['job_name'] for job in load('prometheus/prometheus.yml')['scrape_configs']},
}
for name, severity in alerts:
    print(name, severity)
with open('prometheus/alertmanager.yml', encoding='utf-8') as file:
    named = re.findall(r'(\w+) =~? "([^"]+)"', file.read())
missing = [f'{label} {part}' for label, pattern in named for part in alternatives(pattern)
           if not any(re.fullmatch(part, value) for value in known[label])]
for item in missing:
    print(f'alerting-check: prometheus/alertmanager.yml: there is no {item}', file=sys.stderr)
sys.exit(bool(missing or not alerts))
EOT
while read -r name severity; do
	case $name:$severity in
	*:page) receiver=pages ;;
	*:ticket) receiver=tickets ;;
	ContactReceived:info) receiver=owner ;;
	Watchdog:none) receiver=deadman ;;
	*) fail "slo-rules.yml: $name: nobody hears of severity $severity"; continue ;;
	esac
	quietly amtool config routes test --config.file=prometheus/alertmanager.yml --verify.receivers="$receiver" \
		alertname="$name" severity="$severity" service=sidelight
done <"$dir/alerts"
exit $bad
