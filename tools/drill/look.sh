#!/bin/sh
# SPDX-License-Identifier: MIT
# Run by words.sh inside the stack, on Prometheus' network: what Sidelight, Prometheus and Alertmanager know of an SLO at this moment,
# as one line: GOOD BAD BURN_1H BURN_5M ALERT NOTIFIED. "-" is what nobody knows yet.
# usage: look.sh SLO SIDELIGHT PROMETHEUS ALERTMANAGER      (the last three are HOST:PORT)
set -u

slo=$1 sidelight=$2 prometheus=$3 alertmanager=$4
fetch() { curl -s --noproxy '*' --max-time 2 "$@"; }
known() { word=$(cat) && echo "${word:--}"; }

events=$(fetch -g "http://$sidelight/metrics?name[]=slo_events_total")
count() { echo "$events" | sed -n "s/^slo_events_total{slo=\"$slo\",outcome=\"$1\"} //p" | known; }

query() { fetch "http://$prometheus/prometheus/api/v1/query" --data-urlencode "query=$1"; }
value() { query "$1" | sed -n 's/.*"value":\[[^,]*,"\([^"]*\)"\].*/\1/p' | known; }

# Of the four alerts on the budget only the two that page.
labels="alertname=\"ErrorBudgetBurn\",slo=\"$slo\",severity=\"page\""
state() {
	case $(query "ALERTS{$labels}") in
	*'"alertstate":"firing"'*) echo firing ;;
	*'"alertstate":"pending"'*) echo pending ;;
	*'"result":[]'*) echo calm ;;
	*) echo - ;;
	esac
}
notified() {
	case $(fetch -G "http://$alertmanager/api/v2/alerts" --data-urlencode 'filter=alertname="ErrorBudgetBurn"' \
		--data-urlencode "filter=slo=\"$slo\"" --data-urlencode 'filter=severity="page"') in
	*'"state":"active"'*) echo active ;;
	*'"state":"suppressed"'*) echo suppressed ;;
	*'"state":"unprocessed"'*) echo new ;;
	'[]'*) echo calm ;;
	*) echo - ;;
	esac
}

burn() { value "slo:burn_rate:ratio{slo=\"$slo\",window=\"$1\"}"; }

echo "$(count good) $(count bad) $(burn 1h) $(burn 5m) $(state) $(notified)"
