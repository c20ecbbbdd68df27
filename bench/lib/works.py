# SPDX-License-Identifier: MIT
"""The work: each function lets one peer do it once and returns the figures of that round."""
import statistics
import time

from lib import client, facts, proc, stats

IDLE = 5000             # connections
COLD_STARTS = 3         # a round
BESIDE_SERIES = 10000
MANY_WORKERS_SERIES = 10000
BESIDE_EVERY = 0.1      # seconds between two scrapes
FEWEST_PAGES = 3
SCRAPE_SECONDS = 1.0
MEGA = 1e6


class Setting:
    """How a run is done: for how long, on which CPUs, where files go, whether there are hardware counters."""

    def __init__(self, seconds, cpus, scratch, counters):
        self.seconds, self.scratch, self.counters = seconds, scratch, counters
        self.cpus = cpus
        self.warm_up = min(0.5, seconds / 4)

    def server_cpus(self, workers):
        return self.cpus[:workers]

    def load_cpus(self, workers):
        """Others than the server's where there are enough: with two CPUs, two workers share theirs with wrk."""
        free = self.cpus[workers:workers * 2]
        return free if len(free) == workers else self.cpus[-workers:]

    def shared(self, workers):
        return bool(set(self.server_cpus(workers)) & set(self.load_cpus(workers)))


def under_load(s, run, path, load, body=None, refused=False):
    """Warms up, loads, and weighs the server before and after."""
    with client.Load(run.port, path, s.warm_up, load, body=body, refused=refused) as warm:
        warm.finish(least=0)        # a slow disk may need longer for the first
    perf = {'out': run.path('perf'), 'pids': proc.tree(run.pid)} if s.counters else None
    before = proc.cpu(run.pid)
    with client.Load(run.port, path, s.seconds, load, body=body, refused=refused, perf=perf) as wrk:
        f = wrk.finish()
    after = proc.cpu(run.pid)
    rss, pss = proc.memory(run.pid)
    user, system = ((b - a) / f['requests'] * MEGA for a, b in zip(before, after))
    return {'requests': f['requests'], 'requests_per_second': f['requests'] / f['us'] * MEGA,
            'user_instructions': f.get('user_instructions'), 'kernel_instructions': f.get('kernel_instructions'),
            'cpu_us': user + system, 'user_us': user, 'system_us': system,
            'p50_us': f['p50'], 'p99_us': f['p99'], 'p999_us': f['p999'], 'rss_bytes': rss, 'pss_bytes': pss}


def requests(s, peer, workers, path, body=None, refused=False):
    with peer.start(s.scratch, s.server_cpus(workers), workers) as run:
        run.check()
        had = run.counted() if peer.duties else 0
        figures = under_load(s, run, path, s.load_cpus(workers), body, refused)
        if peer.duties:
            counts = run.counted() - had
            if counts < figures['requests']:
                raise proc.Failed('%d requests, its metrics count %d' % (figures['requests'], counts))
            run.stop()
            # A line may be dropped by design where writing falls behind: it is said, as it is work not done.
            figures['logged_ratio'] = min(1.0, run.log_lines() / counts)
    return figures


def health(s, peer, workers):
    return requests(s, peer, workers, '/health')


def not_found(s, peer, workers):
    return requests(s, peer, workers, '/no-such-page', refused=True)


def contact(s, peer, workers):
    return requests(s, peer, workers, '/contact', client.BODY)


def disk(s):
    rate, p99 = facts.syncs(s.scratch, min(1.0, s.seconds))
    return {'syncs_per_second': rate, 'p99_us': p99}


def scrape(s, peer, series, workers=1):
    """CPU of one page; a connection each, uncompressed, in the plain text format."""
    with peer.start(s.scratch, s.server_cpus(workers), workers, series) as run:
        page = run.page()
        samples = sum(1 for line in page.splitlines() if line and line[0] != '#')
        if samples < series:
            raise proc.Failed('%d samples, expected %d' % (samples, series))
        times, before = [], proc.cpu(run.pid)
        until = time.perf_counter() + min(s.seconds, SCRAPE_SECONDS)
        while len(times) < FEWEST_PAGES or time.perf_counter() < until:
            began = time.perf_counter()
            client.get(run.metrics_port, '/metrics')
            times.append(time.perf_counter() - began)
        spent = sum(proc.cpu(run.pid)) - sum(before)
        cpu_ms = spent / len(times) * 1e3
        return {'cpu_ms': cpu_ms, 'us_per_sample': cpu_ms / samples * 1e3, 'samples': samples,
                'page_bytes': len(page), 'p50_ms': statistics.median(times) * 1e3,
                'p99_ms': stats.percentile(times, 99) * 1e3, 'rss_bytes': proc.memory(run.pid)[0]}


def scrape_of_many_workers(s, peer, workers):
    """A page that is put together of what each worker counted."""
    return scrape(s, peer, MANY_WORKERS_SERIES, workers)


def idle(s, peer, workers):
    with peer.start(s.scratch, s.server_cpus(workers), workers) as run:
        empty = proc.memory(run.pid)[0]
        with client.Crowd(run.port, IDLE, '/health'):
            full = proc.memory(run.pid)[0]
    return {'rss_bytes': empty, 'rss_full_bytes': full, 'bytes_per_connection': (full - empty) / IDLE}


def cold(s, peer, workers):
    times = []
    for _ in range(COLD_STARTS):
        with peer.start(s.scratch, s.server_cpus(workers), workers) as run:
            times.append(run.first_answer * 1e3)
    return {'first_answer_ms': statistics.median(times)}


def beside(s, peer, _):
    """Public latency while a page of 10,000 series is scraped every 100 ms, and without. The server may use every CPU:
    the page has a thread of its own, and where that runs is the kernel's to say."""
    load = s.load_cpus(1)
    with peer.start(s.scratch, s.cpus, 1, BESIDE_SERIES) as run:
        with client.Load(run.port, peer.first_path, s.warm_up, load) as warm:
            warm.finish()
        with client.Load(run.port, peer.first_path, s.seconds, load) as wrk:
            without = wrk.finish()
        with client.Load(run.port, peer.first_path, s.seconds, load) as wrk:
            pages = client.scrape_every(run.metrics_port, BESIDE_EVERY, wrk.until)
            scraped = wrk.finish()
    return {'p99_us': without['p99'], 'p99_scraped_us': scraped['p99'], 'pages': pages,
            'p99_ratio': scraped['p99'] / without['p99'] if without['p99'] else None,
            'requests_per_second_ratio': scraped['requests'] / scraped['us'] * without['us'] / without['requests']}


# name -> (what it says in the table, function, variants: of workers or of series)
TABLE = {
    'health': ('GET /health', health, (1, 2)),
    '404': ('a 404', not_found, (1, 2)),
    'contact': ('POST /contact, durable', contact, (1, 2)),
    'scrape': ('a scrape', scrape, (100, 1000, 10000, 100000)),
    'scrape-2': ('a scrape with %s series' % format(MANY_WORKERS_SERIES, ','), scrape_of_many_workers, (2,)),
    'idle': ('%d idle connections' % IDLE, idle, (1, 2)),
    'cold': ('exec to the first 200', cold, (1, 2)),
    'beside': ('public latency beside a scrape every 100 ms', beside, (BESIDE_SERIES,)),
}
