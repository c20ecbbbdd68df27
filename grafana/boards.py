# SPDX-License-Identifier: MIT
"""What the dashboards show: one row, one panel. Edit here, run grafana/generate.py, commit both.

    kind(width, title, unit, one line that says what it is, {legend: expression}, extras)

A line of the page is 24 wide; panels flow from left to right. In expressions {OWN} stands for the chosen job and
instances, {ROUTE} for these and the chosen endpoints, {PAGE} for these and the chosen pages, [~] for
[$__rate_interval]. The first limit is None: what holds below the others. generate.py says what the extras do.
"""
from collections import namedtuple

Row = namedtuple('Row', 'kind height width title unit text queries more')
Board = namedtuple('Board', 'uid title text since variables rows')


def kind(name, height):
    return lambda width, title, unit, text, queries, **more: Row(name, height, width, title, unit, text, queries, more)


stat, bars, graph = kind('stat', 4), kind('bars', 8), kind('graph', 8)
heatmap, table = kind('heatmap', 8), kind('table', 8)


def heading(title):
    return Row('heading', 1, 24, title, '', '', {}, {})


def total(width, title, text, counter, **more):
    """How often something happened in the shown time."""
    return stat(width, title, 'short', text, {title.lower(): f'sum(increase({counter}[$__range]))'}, decimals=0, **more)


def quantiles(histogram, own, by='le', which=(50, 95, 99)):
    return {f'p{q}': quantile(q, histogram, own, by) for q in which}


def quantile(q, histogram, own, by='le'):
    return f'histogram_quantile({q / 100}, sum by ({by}) (rate({histogram}_bucket{own}[~])))'


# --- words that several boards use ---

FORMS = 'http_requests_total{OWN,method="POST",endpoint="/contact"'
DURATION = 'http_request_duration_seconds'
BUDGET = [(None, 'red'), (0, 'orange'), (0.25, 'yellow'), (0.5, 'green')]
OFF_ON = [{'type': 'value', 'options': {'0': {'text': 'no', 'index': 0}, '1': {'text': 'yes', 'index': 1}}}]
MUST_BE_1 = [(None, 'red'), (1, 'green')]
MUST_BE_0 = [(None, 'green'), (1, 'red')]
SHOULD_BE_0 = [(None, 'green'), (1, 'orange')]
MONTH = 30 * 86400

# name: (one or many, label, where its values come from)
VARIABLES = {
    'datasource': ('datasource', 'Data source', 'prometheus'),
    'job': ('one', 'Job', 'label_values(sidelight_build_info, job)'),
    'instance': ('many', 'Replica', 'label_values(sidelight_build_info{job="$job"}, instance)'),
    'endpoint': ('many', 'Endpoint', 'label_values(http_requests_total{job="$job"}, endpoint)'),
    'page': ('many', 'Page', 'label_values(rum_lcp_seconds_count{job="$job"}, page)'),
    'slo': ('one', 'SLO', 'label_values(slo_objective_ratio{job="$job"}, slo)'),
}

# name, colour, expression, what to mark, title, text
# The mark is where the series is there, or at the time (in ms) that is its value.
ANNOTATIONS = [
    ('Alerts', 'red', 'ALERTS{alertstate="firing",severity=~"page|ticket"}', 'there',
     '{{alertname}}', '{{severity}} {{slo}}'),
    ('Starts', 'blue', 'process_start_time_seconds{OWN} * 1000', 'value', 'Started', '{{instance}}'),
    ('Reloads', 'purple', 'config_last_reload_success_timestamp_seconds{OWN} * 1000', 'value',
     'Configuration loaded', '{{instance}}'),
]

# --- traffic ---

TRAFFIC = Board(
    'sidelight-traffic', 'Sidelight: traffic',
    'Requests, errors and latency of the public port by endpoint, and the gateway before it.',
    'now-6h', ['datasource', 'job', 'instance', 'endpoint'], [
        heading('Now'),
        stat(4, 'Answered', 'reqps', 'Requests answered per second.',
             {'requests': 'sum(rate(http_requests_total{ROUTE}[~]))'}, spark=True),
        stat(4, 'Errors', 'percentunit',
             "Share of answers with a 5xx; red spends a month's budget of 0.1 % in two days.",
             {'errors': 'sum(rate(http_errors_total{ROUTE,type="server"}[~])) / '
                        '(sum(rate(http_requests_total{ROUTE}[~])) > 0)'},
             limits=[(None, 'green'), (0.001, 'orange'), (0.0144, 'red')], spark=True,
             link=('Error budget', '/d/sidelight-slo?var-slo=availability')),
        stat(4, 'p99', 's', 'The slowest request in a hundred took at least this long.',
             quantiles(DURATION, '{ROUTE}', which=[99]),
             limits=[(None, 'green'), (0.2, 'orange'), (0.3, 'red')], spark=True),
        stat(4, 'In time', 'percentunit', 'Share of requests answered within slo.latency_threshold, as the SLO counts.',
             {'in time': 'sum(rate(slo_events_total{OWN,slo="latency",outcome="good"}[~])) / '
                         '(sum(rate(slo_events_total{OWN,slo="latency",outcome=~"good|bad"}[~])) > 0)'},
             limits=[(None, 'red'), (0.99, 'orange'), (0.995, 'green')], spark=True,
             link=('Error budget', '/d/sidelight-slo?var-slo=latency')),
        stat(4, 'In flight', 'short', 'Requests being worked on at this moment.',
             {'in flight': 'sum(http_requests_in_flight{ROUTE})'}, spark=True),
        stat(4, 'Replicas', 'short', 'Replicas whose metrics page Prometheus could read; red is none.',
             {'up': 'sum(up{OWN})'}, limits=MUST_BE_1),

        heading('Requests'),
        graph(12, 'Requests by status', 'reqps', 'Answers by class of status. 499, a client that left, is a 4xx.',
              {'{{class}}': 'sum by (class) (label_replace(rate(http_requests_total{ROUTE}[~]), '
                            '"class", "${1}xx", "status", "(.).."))'}, stack=True),
        graph(12, 'Requests by endpoint', 'reqps', 'By the route that answered; unmatched is a path that has none.',
              {'{{endpoint}}': 'sum by (endpoint) (rate(http_requests_total{ROUTE}[~]))'}, stack=True),
        graph(12, 'Share of errors by endpoint', 'percentunit', 'Answers with a 5xx, of all that the endpoint gave.',
              {'{{endpoint}}': 'sum by (endpoint) (rate(http_errors_total{ROUTE,type="server"}[~])) / '
                               '(sum by (endpoint) (rate(http_requests_total{ROUTE}[~])) > 0)'},
              limits=[(None, 'green'), (0.001, 'red')]),
        graph(12, 'Refused by answer', 'reqps', 'Answers with a 4xx or 5xx, by status and endpoint.',
              {'{{status}} {{endpoint}}':
               'sum by (status, endpoint) (rate(http_requests_total{ROUTE,status=~"[45].."}[~]))'}),

        heading('Latency'),
        heatmap(12, 'Durations', 's', 'From the complete request to its answer; a dot is a request, with its ID.',
                {'{{le}}': f'sum by (le) (rate({DURATION}_bucket{{ROUTE}}[~]))'}, exemplars=True),
        graph(12, 'Quantiles', 's', 'So many of a hundred were faster; above the line the SLO calls them slow.',
              quantiles(DURATION, '{ROUTE}'), limits=[(None, 'green'), (0.3, 'red')], exemplars=True),
        *[graph(8, f'p{q} by endpoint', 's', f'{q} of a hundred requests of an endpoint were faster.',
                {'{{endpoint}}': quantile(q, DURATION, '{ROUTE}', 'le, endpoint')}, exemplars=True)
          for q in (50, 95, 99)],

        heading('Around them'),
        graph(8, 'In flight by endpoint', 'short', 'Requests being worked on when the page was read.',
              {'{{endpoint}}': 'sum by (endpoint) (http_requests_in_flight{ROUTE})'}),
        graph(8, 'Sizes', 'bytes', 'Bodies of requests and answers: 95 of a hundred were smaller, and the mean.',
              {**{f'{what} p95': quantile(95, f'http_{what}_size_bytes', '{OWN}') for what in ('request', 'response')},
               **{f'{what} mean': f'sum(rate(http_{what}_size_bytes_sum{{OWN}}[~])) / '
                                  f'(sum(rate(http_{what}_size_bytes_count{{OWN}}[~])) > 0)'
                  for what in ('request', 'response')}}),
        graph(8, 'Refused by the guard', 'reqps', 'Requests that no route saw, by what was wrong with them.',
              {'{{reason}}': 'sum by (reason) (rate(http_rejected_total{OWN}[~]))'}),
        graph(8, 'Connections', 'cps',
              'Accepted, failed; pauses at the limit, idle or greedy ones closed to make room, slow ones ended by time.',
              {'accepted': 'sum(rate(connections_accepted_total{OWN}[~]))',
               'errors': 'sum(rate(connections_accept_errors_total{OWN}[~]))',
               'pauses': 'sum(rate(connections_accept_pauses_total{OWN}[~]))',
               'made room': 'sum(rate(connections_shed_total{OWN}[~]))',
               'too slow': 'sum(rate(connections_timed_out_total{OWN,reason!="idle"}[~]))'}),
        graph(8, 'Forwarding and limits', 'cps',
              'Forwarding headers of peers that are not trusted, and clients forgotten because the table was full.',
              {'untrusted forwarding': 'sum(rate(http_untrusted_forwarded_total{OWN}[~]))',
               'clients forgotten': 'sum(rate(rate_limit_evictions_total{OWN}[~]))'}),
        graph(8, 'Age of the replicas', 's', 'Time since each process started: a fall is a restart.',
              {'{{instance}}': 'time() - process_start_time_seconds{OWN}'}),

        heading('The gateway in front'),
        # 2.6 gives what Caddy answers itself no code, and counts it only as errors; newer ones do both.
        graph(8, 'Caddy by status', 'reqps', 'Answers of Caddy; errors are its own: no such path, no password, 502.',
              {'{{code}}': 'sum by (code) (rate(caddy_http_request_duration_seconds_count{job="caddy"}[~]))',
               'errors': 'sum(rate(caddy_http_request_errors_total{job="caddy"}[~]))'}),
        graph(8, 'Caddy, p95', 's', '95 of a hundred answers were out sooner, what is behind Caddy included.',
              {'{{code}}': quantile(95, 'caddy_http_request_duration_seconds', '{job="caddy"}', 'le, code')}),
        graph(8, 'Probe through Caddy', 's', 'Time of each part of a visit to /health, as the probe saw it.',
              {'{{phase}}': 'probe_http_duration_seconds{job="probe"}'}, stack=True),
        stat(12, 'Probe succeeds', 'none', 'Whether the last visit to /health through Caddy succeeded.',
             {'{{instance}}': 'probe_success{job="probe"}'}, limits=MUST_BE_1, mappings=OFF_ON),
        stat(12, 'Tunnel', 'short', "Cloudflare's connections of the tunnel; 0 without one.",
             {'connections': 'sum(cloudflared_tunnel_ha_connections{job="cloudflared"}) or vector(0)'}),
    ])

# --- SLOs ---

# The window pairs of slo-rules.yml: both must burn faster than the limit.
BURNS = [('1h', '5m', 14.4, 'Page'), ('6h', '30m', 6, 'Page'), ('1d', '2h', 3, 'Ticket'), ('3d', '6h', 1, 'Ticket')]

SLO = Board(
    'sidelight-slo', 'Sidelight: SLOs', 'How much of the error budget is left, and how fast it burns.',
    'now-24h', ['datasource', 'job', 'instance', 'slo'], [
        heading('$slo'),
        stat(4, 'Objective', 'percentunit', 'The share of good events that was promised, over 30 days.',
             {'objective': 'slo:objective:ratio{slo="$slo"}'}, decimals=3),
        stat(4, 'Kept', 'percentunit', 'The share of good events in the last 30 days.',
             {'kept': '1 - slo:error_ratio:rate30d{slo="$slo"}'}, decimals=3),
        stat(4, 'Budget left', 'percentunit', 'What is left of the errors that 30 days may have; below 0: overspent.',
             {'budget left': 'slo:error_budget_remaining:ratio{slo="$slo"}'}, limits=BUDGET),
        stat(4, 'Lasts', 's', 'How long the budget lasts, if errors go on as in the last six hours.',
             {'lasts': f'clamp_max(clamp_min(slo:error_budget_remaining:ratio{{slo="$slo"}}, 0) * {MONTH} / '
                       f'on (slo) clamp_min(slo:burn_rate:ratio{{slo="$slo",window="6h"}}, 1e-6), {MONTH})'},
             limits=[(None, 'red'), (86400, 'orange'), (7 * 86400, 'green')],
             mappings=[{'type': 'range', 'options': {'from': MONTH, 'to': None, 'result': {'text': 'over 30 days'}}}]),
        stat(4, 'Burn rate', 'short', 'Over the last hour; at 1 the budget lasts exactly its 30 days.',
             {'burn rate': 'slo:burn_rate:ratio{slo="$slo",window="1h"}'},
             limits=[(None, 'green'), (1, 'yellow'), (6, 'orange'), (14.4, 'red')]),
        stat(4, 'Bad events', 'short', 'Events of the last six hours that were not good.',
             {'bad': 'slo:bad_events:rate6h{slo="$slo"} * 21600'}, limits=SHOULD_BE_0),
        graph(12, 'Budget left over time', 'percentunit', 'At the end of each 30 days; at 0 the objective is missed.',
              {'budget left': 'slo:error_budget_remaining:ratio{slo="$slo"}'},
              limits=[(None, 'red'), (0, 'green')], signed=True),
        graph(12, 'Events by outcome', 'cps', 'Requests judged against this objective, as the server counts them.',
              {'{{outcome}}': 'sum by (outcome) (rate(slo_events_total{OWN,slo="$slo"}[~]))'}, stack=True),

        heading('How fast $slo burns: an alert fires when both lines of a panel are above its limit'),
        *[graph(12, f'{what} above {limit}: {long} and {short}', 'short',
                f'Burn rates over {long} and {short}; the dashed line is the limit of the {what.lower()}.',
                {window: f'slo:burn_rate:ratio{{slo="$slo",window="{window}"}}' for window in (long, short)},
                limits=[(None, 'green'), (limit, 'red')])
          for long, short, limit, what in BURNS],

        heading('All of them'),
        bars(8, 'Budget left by SLO', 'percentunit', 'What is left of each error budget; empty is spent.',
             {'{{slo}}': 'slo:error_budget_remaining:ratio'}, limits=BUDGET, scale={'max': 1}),
        graph(8, 'Events by SLO', 'cps', 'Events per second that counted, over five minutes; the rules see these.',
              {'{{slo}}': 'slo:events:rate5m', '{{slo}} bad': 'slo:bad_events:rate5m'}),
        table(8, 'Firing alerts', 'none', 'What fires now. Watchdog always does: without it the rules do not run.',
              {'alerts': 'ALERTS{alertstate="firing"}'},
              columns=['alertname', 'severity', 'slo', 'window', 'instance']),
    ])

# --- process and store ---

PROCESS = Board(
    'sidelight-process', 'Sidelight: process and store',
    'The program and what it leans on: resources, event loops, log, metrics page, configuration, store.',
    'now-6h', ['datasource', 'job', 'instance'], [
        heading('Now'),
        stat(4, 'Version', 'none', 'What runs; several while an upgrade is under way.',
             {'{{version}} {{revision}}': 'count by (version, revision) (sidelight_build_info{OWN})'}, show='name'),
        stat(4, 'In service', 'none', 'Whether every dependency of every replica is in service.',
             {'in service': 'min(dependency_up{OWN})'}, limits=MUST_BE_1, mappings=OFF_ON),
        stat(4, 'Configured', 'none', 'Whether the last load of the configuration succeeded on every replica.',
             {'loaded': 'min(config_last_reload_successful{OWN})'}, limits=MUST_BE_1, mappings=OFF_ON),
        stat(4, 'Restart required', 'none', 'Whether the file has changed keys that only a restart applies.',
             {'restart required': 'max(config_restart_required{OWN})'}, limits=SHOULD_BE_0, mappings=OFF_ON),
        stat(4, 'Draining', 'none', 'Whether a replica has been told to end and is finishing its requests.',
             {'draining': 'max(sidelight_draining{OWN})'}, limits=SHOULD_BE_0, mappings=OFF_ON),
        total(4, 'Log lines lost', 'In the shown time: the reader of stdout stalled, or the output failed.',
              'log_lines_dropped_total{OWN}', limits=MUST_BE_0),

        heading('Process'),
        graph(8, 'CPU', 'percentunit', 'User and system time of all threads; 100 % is one CPU.',
              {'{{instance}}': 'rate(process_cpu_seconds_total{OWN}[~])'}),
        graph(8, 'Memory', 'bytes', 'Resident memory.', {'{{instance}}': 'process_resident_memory_bytes{OWN}'}),
        graph(8, 'How full', 'percentunit', 'What is used of each limit, on the replica that has least left.',
              {'connections': 'max(sum by (instance) (worker_connections{OWN}) / '
                              'on (instance) connections_limit{OWN})',
               'descriptors': 'max(process_open_fds{OWN} / (process_max_fds{OWN} > 0))',
               'store queue': 'max(store_queue_length{OWN} / store_queue_limit{OWN})',
               'samples of the page': 'max(scrape_samples_scraped{OWN} / on (instance) metrics_sample_limit{OWN})'},
              limits=[(None, 'green'), (0.8, 'red')]),
        graph(8, 'Descriptors and threads', 'short', 'Open file descriptors and threads of each process.',
              {'{{instance}} descriptors': 'process_open_fds{OWN}', '{{instance}} threads': 'process_threads{OWN}'}),
        graph(8, 'Network', 'Bps', 'Bytes of the whole network namespace, loopback included.',
              {'received': 'sum(rate(process_network_receive_bytes_total{OWN}[~]))',
               'sent': 'sum(rate(process_network_transmit_bytes_total{OWN}[~]))'}),
        graph(8, 'Log lines', 'cps', 'Lines written, and lost because nobody took them.',
              {'written': 'sum(rate(log_lines_total{OWN}[~]))', 'lost': 'sum(rate(log_lines_dropped_total{OWN}[~]))'}),

        heading('Connections and event loops'),
        graph(8, 'Connections by worker', 'short', 'Open connections of the public port; they are spread evenly.',
              {'{{instance}} {{worker}}': 'worker_connections{OWN}'}, stack=True),
        heatmap(8, 'Event-loop lag', 's', 'How late timers ran: a worker that is busy too long shows here first.',
                {'{{le}}': 'sum by (le) (rate(event_loop_lag_seconds_bucket{OWN}[~]))'}),
        graph(8, 'Event-loop lag, p99', 's', 'One timer in a hundred was later than this.',
              {'{{instance}}': quantile(99, 'event_loop_lag_seconds', '{OWN}', 'le, instance')},
              limits=[(None, 'green'), (0.1, 'red')]),

        heading('Metrics page'),
        graph(8, 'Scrapes', 'reqps', 'Pages asked for by status; 503 is too many at once. And connections refused.',
              {'{{code}}': 'sum by (code) (rate(metrics_handler_requests_total{OWN}[~]))',
               'refused: {{reason}}': 'sum by (reason) (rate(metrics_connections_refused_total{OWN}[~]))'}),
        graph(8, 'Time of a scrape', 's', 'To render the page (p95), and as Prometheus saw it.',
              {'rendered, p95': quantile(95, 'metrics_handler_duration_seconds', '{OWN}'),
               'seen from Prometheus': 'max(scrape_duration_seconds{OWN})'}),
        graph(8, 'Bytes of a scrape', 'bytes', 'Mean size of a page as sent, compressed.',
              {'mean': 'sum(rate(metrics_handler_response_bytes_total{OWN}[~])) / '
                       '(sum(rate(metrics_handler_requests_total{OWN}[~])) > 0)'}),
        graph(8, 'Samples', 'short', 'Samples of a page, and metrics.max_samples, where new series are folded.',
              {'{{instance}}': 'scrape_samples_scraped{OWN}', 'limit': 'min(metrics_sample_limit{OWN})'}),
        bars(8, 'Series by metric', 'short', 'The ten metrics with most series; a histogram with its buckets is one.',
             {'{{family}}': 'topk(10, max by (family) (metrics_series{OWN}))'}),
        bars(8, 'Folded into other', 'short', 'Events of the shown time whose labels were beyond the budget.',
             {'{{family}}': 'topk(10, sum by (family) (increase(metrics_label_overflow_total{OWN}[$__range])))'},
             limits=SHOULD_BE_0),

        heading('Configuration'),
        stat(12, 'Loaded', 's', 'Time since the running configuration was loaded.',
             {'{{instance}}': 'time() - config_last_reload_success_timestamp_seconds{OWN}'}),
        stat(12, 'Connections allowed', 'short', 'limits.connections, or less where descriptors are scarcer.',
             {'{{instance}}': 'connections_limit{OWN}'}),

        heading('Store'),
        graph(8, 'Queue', 'short', 'Submissions that wait for a commit; at the limit one more is answered 503.',
              {'{{instance}}': 'store_queue_length{OWN}', 'limit': 'min(store_queue_limit{OWN})'}),
        graph(8, 'Commits', 's', 'Time of a commit, its sync included.', quantiles('store_commit_seconds', '{OWN}')),
        heatmap(8, 'Commits, all', 's', 'Each commit by its time: a disk that stalls now and then shows as a band.',
                {'{{le}}': 'sum by (le) (rate(store_commit_seconds_bucket{OWN}[~]))'}),
        graph(8, 'Batch size', 'short', 'Submissions and deletions in one commit: above 1 they share a sync.',
              {'mean': 'sum(rate(store_batch_size_sum{OWN}[~])) / (sum(rate(store_batch_size_count{OWN}[~])) > 0)',
               'p95': quantile(95, 'store_batch_size', '{OWN}')}),
        graph(8, 'Errors by operation', 'cps', 'Operations of the store that failed.',
              {'{{operation}}': 'sum by (operation) (rate(store_errors_total{OWN}[~]))'}),
        graph(8, 'Probe', 's', 'Time of the last probe that succeeded; one is made each second.',
              {'{{instance}}': 'store_probe_seconds{OWN}'}),
        total(6, 'Queue was full', 'Submissions refused in the shown time because the queue was full.',
              'store_queue_full_total{OWN}', limits=MUST_BE_0),
        total(6, 'Reopened', 'Times in the shown time that the store was reopened after a failed commit.',
              'store_reopens_total{OWN}', limits=SHOULD_BE_0),
        total(6, 'Expired', 'Submissions deleted in the shown time because of contact.retention.',
              'store_expired_total{OWN}'),
        stat(6, 'Database connections', 'short', 'Open connections to the database.',
             {'open': 'sum(active_database_connections{OWN})'}),

        heading('What watches it'),
        bars(8, 'Targets', 'short', 'Targets of each job that Prometheus could read; red is none.',
             {'{{job}}': 'sum by (job) (up)'}, limits=MUST_BE_1),
        graph(8, 'Rules', 'cps', 'Rules that Prometheus failed to evaluate, or was too late for: alerts may be silent.',
              {'errors': 'sum(rate(prometheus_rule_evaluation_failures_total{job="prometheus"}[~]))',
               'missed': 'sum(rate(prometheus_rule_group_iterations_missed_total{job="prometheus"}[~]))'}),
        graph(8, 'Notifications', 'cps', 'Alerts that Alertmanager sent, failed to send, or never got.',
              {'sent': 'sum(rate(alertmanager_notifications_total{job="alertmanager"}[~]))',
               'errors': 'sum(rate(alertmanager_notifications_failed_total{job="alertmanager"}[~]))',
               'lost': 'sum(rate(prometheus_notifications_errors_total{job="prometheus"}[~]))'
                       ' + sum(rate(prometheus_notifications_dropped_total{job="prometheus"}[~]))'}),
    ])

# --- contact form ---

CONTACT = Board(
    'sidelight-contact', 'Sidelight: contact form', 'What came in, what was refused and why, and how sure it is kept.',
    'now-7d', ['datasource', 'job', 'instance'], [
        heading('In the shown time'),
        # Not by contact_submissions_total: the first of a new source makes a series, and nothing rises.
        stat(4, 'Submissions', 'short', 'Messages stored durably: accepted, without the replays.',
             {'stored': f'clamp_min(sum(increase({FORMS},status=~"201|303"}}[$__range])) - '
                        'sum(increase(contact_replays_total{OWN}[$__range])), 0)'}, decimals=0),
        total(4, 'Refused', 'Forms refused, for whatever reason.', 'contact_rejections_total{OWN}'),
        total(4, 'Repeated', 'Forms sent again with the same key: answered, and stored once.',
              'contact_replays_total{OWN}'),
        total(4, 'Failed', 'Forms answered with a 5xx: the sender was told to try again.',
              FORMS + ',status=~"5.."}', limits=MUST_BE_0),
        stat(4, 'Budget left', 'percentunit', 'Of the error budget of the contact SLO, over 30 days.',
             {'budget left': 'slo:error_budget_remaining:ratio{slo="contact"}'}, limits=BUDGET,
             link=('Error budget', '/d/sidelight-slo?var-slo=contact')),
        stat(4, 'Burn rate', 'short', 'Of the contact SLO, over the last hour; at 1 the budget lasts 30 days.',
             {'burn rate': 'slo:burn_rate:ratio{slo="contact",window="1h"}'},
             limits=[(None, 'green'), (1, 'yellow'), (6, 'orange'), (14.4, 'red')],
             link=('Error budget', '/d/sidelight-slo?var-slo=contact')),

        heading('Messages'),
        graph(12, 'Submissions by source', 'short', 'Messages stored; the first of a new source is not seen here.',
              {'{{source}}': 'sum by (source) (increase(contact_submissions_total{OWN}[~]))'}, bars=True, stack=True),
        graph(12, 'Refused by reason', 'short', 'Why forms were refused: the rates are limits, store is our fault.',
              {'{{reason}}': 'sum by (reason) (increase(contact_rejections_total{OWN}[~]))'}, bars=True, stack=True),
        graph(12, 'Answers to forms', 'reqps', 'Answers to POST /contact by status; 499 is a sender that left.',
              {'{{status}}': f'sum by (status) (rate({FORMS}}}[~]))'},
              stack=True),
        graph(12, 'Replays', 'short', 'Forms sent again with the same key: a sender that did not see our answer.',
              {'replays': 'sum(increase(contact_replays_total{OWN}[~]))'}, bars=True),

        heading('Durability: an answer goes out after its commit'),
        graph(8, 'Commits', 's', 'Time of a commit, its sync included.', quantiles('store_commit_seconds', '{OWN}')),
        graph(8, 'Time of a submission', 's', 'From the complete form to its answer, the commit included.',
              quantiles(DURATION, '{OWN,method="POST",endpoint="/contact"}'),
              limits=[(None, 'green'), (0.3, 'red')], exemplars=True),
        graph(8, 'Queue', 'percentunit', 'How full it is of submissions that wait for a commit; 503 when it is full.',
              {'{{instance}}': 'store_queue_length{OWN} / store_queue_limit{OWN}'},
              limits=[(None, 'green'), (0.8, 'red')]),

        heading('Contact SLO'),
        graph(12, 'Burn rates', 'short', 'How fast the budget burns; an alert needs two windows, see the SLO board.',
              {'{{window}}': 'slo:burn_rate:ratio{slo="contact",window=~"5m|1h|6h|3d"}'},
              limits=[(None, 'green'), (1, 'yellow'), (6, 'orange'), (14.4, 'red')]),
        graph(12, 'Judged by outcome', 'cps', 'Submissions that the SLO counts; a refusal of bad input is good.',
              {'{{outcome}}': 'sum by (outcome) (rate(slo_events_total{OWN,slo="contact"}[~]))'}, stack=True),
    ])

# --- browser metrics ---

Vital = namedtuple('Vital', 'name metric unit good fair text')

# Good up to the first number, poor above the second: https://web.dev/articles/defining-core-web-vitals-thresholds
# Both are bounds of the histogram, spelled as in its label le.
VITALS = [
    Vital('LCP', 'rum_lcp_seconds', 's', '2.5', '4.0', 'Largest Contentful Paint: when the main content was visible.'),
    Vital('INP', 'rum_inp_seconds', 's', '0.2', '0.5', 'Interaction to Next Paint: how long the page took to react.'),
    Vital('CLS', 'rum_cls', 'none', '0.1', '0.25', 'Cumulative Layout Shift: how much the page moved by itself.'),
    Vital('FCP', 'rum_fcp_seconds', 's', '1.8', '3.0', 'First Contentful Paint: when anything was visible.'),
    Vital('TTFB', 'rum_ttfb_seconds', 's', '0.8', '1.8', "Time to First Byte: when the answer's first byte came."),
]
# A page view is rare next to a request: steps long enough to have some, and points, since many have no neighbour.
RARE = {'sparse': True}
MUST_BE_MOST = [(None, 'red'), (0.75, 'green')]


def ratings(vital):
    return [(None, 'green'), (float(vital.good), 'orange'), (float(vital.fair), 'red')]


def rated(vital):
    unit = ' s' if vital.unit == 's' else ''
    return f'Good up to {vital.good}{unit}, poor above {vital.fair}{unit}.'


def p75(vital, window='[~]', by='le'):
    """Where nobody was there is no number, in place of one that is NaN."""
    return f'histogram_quantile(0.75, sum by ({by}) (rate({vital.metric}_bucket{{PAGE}}{window}))) >= 0'


def shares(vital):
    """Of the same three counts, so they are 1 together."""
    good, fair = (f'sum(rate({vital.metric}_bucket{{PAGE,le="{le}"}}[~]))' for le in (vital.good, vital.fair))
    every = f'sum(rate({vital.metric}_count{{PAGE}}[~]))'
    return {'good': f'{good} / ({every} > 0)',
            'needs improvement': f'({fair} - {good}) / ({every} > 0)',
            'poor': f'({every} - {fair}) / ({every} > 0)'}


BROWSER = Board(
    'sidelight-browser', 'Sidelight: browser metrics',
    'How fast the pages are for those who visit them, as their browsers measure it, and what goes wrong there.',
    'now-24h', ['datasource', 'job', 'instance', 'page'], [
        heading('In the shown time: of four page views, three were better'),
        *[stat(4, f'{v.name}, p75', v.unit, v.text, {'p75': p75(v, '[$__range]')}, limits=ratings(v),
               **({'decimals': 3} if v.unit == 'none' else {})) for v in VITALS],
        total(4, 'Reports', 'Reports of browsers that were taken, each of one page view; of all pages.',
              'received_metrics_total{OWN}'),

        heading('p75 by page: the dashed lines are where good ends, and where poor begins'),
        *[graph(8, f'{v.name} by page', v.unit, f'Three of four page views had less. {rated(v)}',
                {'{{page}}': p75(v, by='le, page')}, limits=ratings(v), exemplars=True, **RARE) for v in VITALS],
        graph(8, 'Page load', 's', 'From the start of the navigation to the end of the load event; of all pages.',
              quantiles('page_load_time_seconds', '{OWN}', which=(50, 75, 95)), exemplars=True, **RARE),

        heading('Ratings: the share of page views that were good, need improvement, or were poor'),
        *[graph(8, f'{v.name} ratings', 'percentunit', f'Counted, not estimated. {rated(v)}',
                shares(v), stack=True, scale={'max': 1}, **RARE) for v in VITALS],
        graph(8, 'Good by vital', 'percentunit', 'Share of page views that were good; a vital passes from 75 % on.',
              {v.name: shares(v)['good'] for v in VITALS}, limits=MUST_BE_MOST, scale={'max': 1}, **RARE),

        heading('Page views, one by one'),
        heatmap(12, 'LCP, all', 's', "Each page view by its LCP; a dot is one, with the ID of the page's log line.",
                {'{{le}}': 'sum by (le) (rate(rum_lcp_seconds_bucket{PAGE}[~]))'}, exemplars=True),
        heatmap(12, 'Page load, all', 's', 'Each page view by the time until its load event ended; of all pages.',
                {'{{le}}': 'sum by (le) (rate(page_load_time_seconds_bucket{OWN}[~]))'}, exemplars=True),

        heading('In the browser; of all pages'),
        graph(12, 'Errors by kind', 'short', 'JavaScript errors and unhandled rejections for each page view reported.',
              {'{{kind}}': 'sum by (kind) (rate(rum_errors_total{OWN}[~])) / on () group_left () '
                           '(sum(rate(received_metrics_total{OWN}[~])) > 0)'}, stack=True, **RARE),
        graph(12, 'Heap', 'bytes', 'JavaScript heap, where browsers tell; and of the last one that reported.',
              {**quantiles('memory_usage_distribution_bytes', '{OWN}', which=(50, 75, 95)),
               '{{instance}} last': 'memory_usage_bytes{OWN} > 0'}, **RARE),

        heading('What came in; of all pages'),
        graph(12, 'Reports by outcome', 'cps', 'What became of them: accepted, sent again, or why refused.',
              {'{{outcome}}': 'sum by (outcome) (rate(rum_reports_total{OWN}[~]))'}, stack=True),
        graph(12, 'Ignored by reason', 'cps', 'Parts of reports that were not counted; and IDs of vitals forgotten.',
              {'{{reason}}': 'sum by (reason) (rate(rum_ignored_total{OWN}[~]))',
               'IDs forgotten': 'sum(rate(rum_ids_forgotten_total{OWN}[~]))'}),
        graph(12, 'Page views', 'short', 'Views of the home page as the server counts them, reported or not.',
              {'views': 'sum(increase(page_views_total{OWN}[~]))',
               'visitor not counted': 'sum(increase(website_visitors_uncounted_total{OWN}[~]))'}, bars=True),
        graph(12, 'Visitors', 'short', 'Different visitors of the home page in five minutes, by replica.',
              {'{{instance}}': 'website_visitors{OWN}'}, stack=True),
    ])

BOARDS = [TRAFFIC, SLO, PROCESS, CONTACT, BROWSER]
