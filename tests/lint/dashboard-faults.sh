#!/bin/sh
# SPDX-License-Identifier: MIT
# The check of the dashboards must pass as they are, and see each fault planted in a copy: in what Grafana reads, in the
# tables that it is made from, and in what refers to it.
set -u
cd "$(dirname "$0")/../.." || exit 1

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
bad=0 n=0

copy() {
	rm -rf "$tmp/tree" && mkdir -p "$tmp/tree/src/metrics" "$tmp/tree/docs"
	cp -r tools grafana prometheus "$tmp/tree"
	cp src/metrics/metrics.def src/metrics/table.c "$tmp/tree/src/metrics"
	cp docs/operations.md "$tmp/tree/docs"
	for f in slo-rules.yml compose.yaml; do [ ! -e $f ] || cp $f "$tmp/tree"; done
}
check() { (cd "$tmp/tree" && tools/check-dashboards.py >"$tmp/out" 2>&1); }
# sees WHAT: the check must fail now, and say so.
sees() {
	n=$((n + 1))
	if check; then
		echo "dashboard-faults: not seen: $1"; bad=1
	elif ! grep -qF -- "$1" "$tmp/out"; then
		echo "dashboard-faults: fails, but not because of: $1"; head -n 5 "$tmp/out"; bad=1
	fi
}
# board UID CODE WHAT: plants a fault in what Grafana reads. `b` is the board, p(TITLE) a panel, v(NAME) a variable.
# q(TITLE) is its first query, d(TITLE) its field defaults.
board() {
	python3 - "$tmp/tree/grafana/dashboards/$1.json" "$2" <<-'EOF' || bad=1
		import json, pathlib, sys
		path = pathlib.Path(sys.argv[1])
		b = json.loads(path.read_text())
		p = lambda title: next(panel for panel in b["panels"] if panel["title"] == title)
		q = lambda title: p(title)["targets"][0]
		d = lambda title: p(title)["fieldConfig"]["defaults"]
		v = lambda name: next(var for var in b["templating"]["list"] if var["name"] == name)
		exec(sys.argv[2])
		path.write_text(json.dumps(b))
	EOF
	sees "$3"
	cp "grafana/dashboards/$1.json" "$tmp/tree/grafana/dashboards/$1.json"
}
# query EXPRESSION WHAT: in place of the first query of a graph of the traffic board.
query() { board sidelight-traffic "q('Requests by endpoint')['expr'] = '''$1'''" "$2"; }
# text FILE SED WHAT: plants a fault in any other file.
text() {
	cp -p "$tmp/tree/$1" "$tmp/saved"
	sed -i "$2" "$tmp/tree/$1"
	! cmp -s "$tmp/tree/$1" "$tmp/saved" || { echo "dashboard-faults: $1: nothing to change with $2"; bad=1; }
	sees "$3"
	mv "$tmp/saved" "$tmp/tree/$1"
}

copy
check || { echo "dashboard-faults: the check fails on the dashboards as they are:"; head -n 5 "$tmp/out"; bad=1; }

# --- the files and their generator
board sidelight-slo 'b["refresh"] = "1m"'          'sidelight-slo.json: not what grafana/generate.py makes'
text grafana/boards.py "s/'Answered', 'reqps'/'Answered', 'short'/" 'sidelight-traffic.json: not what grafana/generate.py makes'
text grafana/boards.py "s/'2.5', '4.0'/'2.5', '3.0'/" 'sidelight-browser.json: not what grafana/generate.py makes'
text grafana/boards.py 's/TRAFFIC, SLO, PROCESS/TRAFFIC, PROCESS/'  'sidelight-slo.json: of no board in grafana/boards.py'

# --- a board
board sidelight-slo 'b["uid"] = "other"'           'the file must be named for its uid other'
board sidelight-slo 'b["id"] = 7'                  'id must be null'
board sidelight-slo 'del b["id"]'                  'id must be null'
board sidelight-slo 'b["schemaVersion"] = 36'      'schemaVersion must be 39'
board sidelight-slo 'b["tags"] = []'               'must have the tag sidelight'
board sidelight-slo 'b["links"][0]["tags"] = ["gone"]' 'must have the tag sidelight'
board sidelight-slo 'b["description"] = ""'        'needs a title and a description'
board sidelight-slo 'p("Kept")["id"] = p("Lasts")["id"]' 'two panels have the id'
board sidelight-slo 'p("Kept")["title"] = "Lasts"' 'two panels have the title Lasts'
board sidelight-slo 'del p("Kept")["title"]'       'a panel without title'

# --- the grid
board sidelight-slo 'p("Kept")["gridPos"]["x"] = 3'  'overlaps'
board sidelight-slo 'p("Kept")["gridPos"]["w"] = 3'  'of the page is 23 of 24 wide'
board sidelight-slo 'p("Bad events")["gridPos"]["w"] = 6' 'is off the page'
board sidelight-slo 'p("Bad events")["gridPos"]["x"] = -1' 'is off the page'
board sidelight-slo 'p("Firing alerts")["gridPos"]["y"] += 40' 'of the page is'

# --- variables and data sources
board sidelight-slo 'q("Kept")["expr"] = q("Kept")["expr"].replace("$slo", "$sli")' 'no variable sli'
board sidelight-slo 'p("Kept")["title"] = "${gone}"' 'no variable gone'
board sidelight-traffic 'b["templating"]["list"].append(dict(v("endpoint"), name="more"))' 'the variable more is not used'
board sidelight-traffic 'b["templating"]["list"].insert(1, b["templating"]["list"].pop())' 'uses job, which comes after it'
board sidelight-traffic 'b["templating"]["list"].pop(0)' 'the first variable must be datasource'
board sidelight-traffic 'v("job")["query"]["query"] = "up"' 'is no label_values(series, label)'
board sidelight-traffic 'v("job")["query"]["query"] = "label_values(sidelight_info, job)"' 'no metric sidelight_info'
board sidelight-traffic 'v("endpoint")["query"]["query"] = "label_values(http_requests_total, endpoint)"' \
	'variable endpoint: http_requests_total: not narrowed'
board sidelight-traffic 'v("endpoint")["query"]["query"] = "label_values(http_requests_total{job=\"$job\"}, route)"' \
	'http_requests_total has no label route'
board sidelight-slo 'p("Kept")["datasource"] = {"type": "prometheus", "uid": "prometheus"}' 'the data source must be the variable'
board sidelight-slo 'del q("Kept")["datasource"]'  'no data source: 1 - slo'
board sidelight-slo 'del v("slo")["datasource"]'   'no data source: slo'
board sidelight-slo 'b["annotations"]["list"][0]["datasource"] = "Prometheus"' 'the data source must be the variable'

# --- a panel
board sidelight-slo 'p("Kept")["type"] = "gauge"'  'a panel of type gauge'
board sidelight-slo 'del p("Kept")["description"]' 'needs a description'
board sidelight-slo 'p("Kept")["description"] += "\nMore."' 'needs a description'
board sidelight-slo 'del d("Kept")["unit"]'        'the unit None is none of'
board sidelight-slo 'd("Kept")["unit"] = "percent"' 'the unit percent is none of'
board sidelight-traffic 'p("Durations")["options"]["yAxis"]["unit"] = "ms"' 'the unit of the axis is another'
board sidelight-slo 'd("Burn rate")["thresholds"]["steps"][0]["value"] = 0' 'the first threshold must be null'
board sidelight-slo 'd("Burn rate")["thresholds"]["steps"] = []' 'the first threshold must be null'
board sidelight-slo 'd("Burn rate")["thresholds"]["steps"][2]["value"] = 20' 'thresholds do not rise: [1, 20, 14.4]'
board sidelight-slo 'd("Burn rate")["thresholds"]["steps"][2]["value"] = None' 'thresholds do not rise'
board sidelight-traffic 'p("Quantiles")["options"]["legend"]["showLegend"] = False' 'hides its legend'
board sidelight-traffic 'p("Requests by status")["fieldConfig"]["overrides"][-1]["properties"][0]["value"]["fixedColor"] = "green"' \
	'5xx is green'
board sidelight-browser 'p("LCP ratings")["fieldConfig"]["overrides"][-1]["properties"][0]["value"]["fixedColor"] = "yellow"' \
	'poor is yellow'
board sidelight-slo 'p("Kept")["fieldConfig"]["overrides"] = p("Events by outcome")["fieldConfig"]["overrides"]' \
	'a fixed colour hides the thresholds'
board sidelight-traffic 'p("Connections")["fieldConfig"]["overrides"] = []' 'errors must be red'
board sidelight-traffic 'p("Quantiles")["targets"][1]["refId"] = "A"' 'each with its own refId'
board sidelight-traffic 'p("Quantiles")["targets"] = []' 'needs queries'
board sidelight-traffic 'q("Answered")["legendFormat"] = ""' 'no legend'
board sidelight-traffic 'q("Requests by endpoint")["legendFormat"] = "{{status}}"' 'the legend names status, which no series has'
board sidelight-traffic 'q("Age of the replicas")["legendFormat"] = "{{worker}}"' 'the legend names worker'
board sidelight-traffic 'q("Quantiles")["exemplar"] = False' 'exemplars must be on'
board sidelight-process 'q("Commits")["exemplar"] = True' 'exemplars must be on exactly where'
board sidelight-browser 'q("LCP by page")["exemplar"] = False' 'exemplars must be on'
board sidelight-browser 'q("LCP ratings")["exemplar"] = True' 'exemplars must be on exactly where'
board sidelight-browser 'v("page")["query"]["query"] = "label_values(rum_lcp_seconds_sum{job=\"$job\"}, path)"' \
	'rum_lcp_seconds_sum has no label path'
board sidelight-traffic 'q("Durations")["format"] = "time_series"' 'need the format heatmap'
board sidelight-traffic 'q("Quantiles")["instant"] = True' 'either instant or range'
board sidelight-traffic 'q("Quantiles").update(instant=True, range=False)' 'has no course over time'
board sidelight-traffic 'd("In time")["links"][0]["url"] = "/d/sidelight-gone"' 'a link to the dashboard sidelight-gone'

# --- an expression
O='job="$job",instance=~"$instance"'
query "sum by (endpoint) (rate(http_request_total{$O}[\$__rate_interval]))"       'no metric http_request_total'
query "sum by (endpoint) (rate(http_requests_total{$O,code=\"200\"}[\$__rate_interval]))" 'http_requests_total has no label code'
query "sum by (endpoint) (rate(http_requests_total{$O}[5m]))"                     'http_requests_total[5m]: write'
query "sum by (endpoint) (rate(http_requests_total{$O}[\$__interval]))"           'http_requests_total[$__interval]: write'
query "sum by (endpoint) (increase(http_requests_total{$O}[\$__range]))"          'http_requests_total[$__range]: write'
query "sum by (endpoint) (http_requests_total{$O})"                               'the counter http_requests_total without rate'
query "rate(sum by (endpoint) (http_requests_total{$O})[\$__rate_interval:])"     'the counter http_requests_total without rate'
query "sum by (endpoint) (rate(http_requests_in_flight{$O}[\$__rate_interval]))"  'rate of http_requests_in_flight, which is no counter'
query 'sum by (endpoint) (rate(http_requests_total[$__rate_interval]))'           'not narrowed to job="$job",instance=~"$instance"'
query 'sum by (endpoint) (rate(http_requests_total{job="$job"}[$__rate_interval]))' 'not narrowed to'
query "sum by (endpoint, code) (rate(http_requests_total{$O}[\$__rate_interval]))" 'sum by code: no metric here has that label'
query "histogram_quantile(0.9, sum by (endpoint) (rate(http_request_duration_seconds_bucket{$O}[\$__rate_interval])))" \
	'not summed by le'
query "histogram_quantile(0.9, sum by (le, endpoint) (rate(http_requests_total{$O}[\$__rate_interval])))" 'which is no bucket'
query "sum by (le, endpoint) (rate(http_request_duration_seconds_bucket{$O}[\$__rate_interval]))" \
	'buckets are for heatmaps and histogram_quantile'
query "sum by (le, endpoint) (rate(http_request_duration_seconds_bucket{$O,le=\"1\"}[\$__rate_interval]))" \
	'le must be = and one of +Inf 0.001 0.0025'
query "sum by (endpoint) (rate(http_request_duration_seconds_bucket{$O,le=~\"1.0|2.5\"}[\$__rate_interval]))" 'le must be = and one of'
query "histogram_quantile(0.9, sum by (endpoint) (rate(http_request_duration_seconds_bucket{$O,le=\"1.0\"}[\$__rate_interval])))" \
	'which is no bucket'
board sidelight-browser 'q("LCP ratings")["expr"] = q("LCP ratings")["expr"].replace("2.5", "2.4")' 'rum_lcp_seconds_bucket: le must be'
query 'sum(rate(caddy_http_requests_total[$__rate_interval]))'                    'caddy_http_requests_total: of which job?'
query "sum by (endpoint) (rate(http_requests_total{$O}[\$__rate_interval])"       'could not parse expression'
query "sums by (endpoint) (rate(http_requests_total{$O}[\$__rate_interval]))"     'could not parse expression'
query "sum by (endpoint)  (rate(http_requests_total{$O}[\$__rate_interval]))"     'single spaces'
board sidelight-slo 'b["annotations"]["list"][1]["expr"] = "process_start_time_seconds * 1000"' \
	'annotation Starts: process_start_time_seconds: not narrowed'
text src/metrics/metrics.def 's/"http_rejected_total"/"http_refused_total"/'     'no metric http_rejected_total'
text src/metrics/metrics.def '/HTTP_REJECTED/,/LABELS/s/LABELS("reason")/LABELS("why")/' 'sum by reason: no metric here has that label'
if [ -e slo-rules.yml ]; then
	text slo-rules.yml 's/slo:error_budget_remaining:ratio/slo:budget_left:ratio/' 'no metric slo:error_budget_remaining:ratio'
	text slo-rules.yml 's!/d/sidelight-slo!/d/sidelight-sli!'                    'a link to the dashboard sidelight-sli'
	text slo-rules.yml 's!/d/sidelight-traffic!/d/sidelight-contact!' \
		'alert UntrustedForwarding: the dashboard sidelight-contact shows none of'
	text docs/operations.md 's/^\(#* *\)ErrorBudgetBurn/\1Burn/'                 'a link to #errorbudgetburn, which is no heading'
fi

# --- what Grafana starts with
sources=grafana/provisioning/datasources/datasources.yaml
text $sources 's/uid: prometheus/uid: metrics/'       'no data source prometheus'
text $sources 's/uid: alertmanager/uid: alerts/'      'no data source alertmanager'
text $sources 's/timeInterval: 10s/timeInterval: 15s/' 'timeInterval must be the scrape_interval of prometheus.yml, 10s'
text prometheus/prometheus.yml 's/scrape_interval: 10s/scrape_interval: 15s/' 'the scrape_interval of prometheus.yml, 15s'
text $sources 's/httpMethod: POST/httpMethod: GET/'   'must be asked by POST'
text $sources 's/name: correlation_id/name: trace_id/' 'exemplars must link by correlation_id'
text $sources 's/[$][$]{__value/${__value/'           'with two $'
text $sources 's!url: [$]{GF.*!datasourceUid: loki!'  'an exemplar links to a url or to a data source that is here'
text $sources 's/editable: false/editable: true/'     'not editable'
text docs/operations.md 's/^\(#* *\)Find a request/\1Search/' 'a link to #find-a-request, which is no heading'
provider=grafana/provisioning/dashboards/dashboards.yaml
text $provider 's/allowUiUpdates: false/allowUiUpdates: true/' 'the dashboards are files'
[ ! -e compose.yaml ] || text $provider 's!path: /var!path: /srv!' 'compose.yaml does not mount ./grafana/dashboards:/srv'

[ $bad -eq 0 ] && echo "dashboard-faults: $n planted faults seen"
exit $bad
