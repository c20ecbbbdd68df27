# SPDX-License-Identifier: MIT
"""THE table of peers: how each is started, what it can do, and how to see that it did its duties.

A peer is a row; what it lacks on this machine is a sentence in `missing`, and it is skipped and said.
"""
import os
import shutil
import subprocess

from lib import client, proc, stats

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = '/usr/bin/python3'     # Debian's, with Debian's modules, whatever comes first in PATH
ID = 'bench-0123456789'


class Peer:
    """`command(run)` is its argv and environment. `duties`: logs, has IDs and metrics, as Sidelight does."""
    name = label = about = ''
    works = ('health', '404', 'idle', 'cold', 'instructions')
    ids = duties = False
    first_path = '/health'  # answers 200 as soon as the server does
    counted = (200, 1200)   # requests of the two runs under valgrind, where there are no hardware counters

    def __init__(self, built):
        self.built = built      # where peers.mk puts what it builds

    def missing(self):
        """Why it cannot run here, or None."""

    def version(self):
        return ''

    def can_store(self):
        return True

    def command(self, run):
        raise NotImplementedError

    def start(self, scratch, cpus=None, workers=1, series=0, wrapper=()):
        return Run(self, scratch, cpus, workers, series, wrapper)


class Run(proc.Child):
    """A peer that runs, from `with` until it answers its first 200 and on to the end of the block."""

    def __init__(self, peer, scratch, cpus, workers, series, wrapper):
        super().__init__([], os.path.join(scratch, peer.name), cpus=cpus)
        self.peer, self.workers, self.series, self.wrapper = peer, workers, series, list(wrapper)
        self.port, self.metrics_port = proc.free_ports(2)
        argv, env = peer.command(self)
        self.argv = self.wrapper + argv
        self.env.update(env)

    def __enter__(self):
        super().__enter__()
        try:
            self.first_answer = self.wait_until(lambda: client.answers(self.port, self.peer.first_path),
                                                proc.SLOW_START if self.wrapper else proc.START)
        except BaseException:
            self.__exit__()
            raise
        return self

    def write(self, name, text):
        os.makedirs(self.directory, exist_ok=True)
        with open(self.path(name), 'w') as f:
            f.write(text)

    def page(self):
        return client.get(self.metrics_port, '/metrics')[2].decode()

    def counted(self):
        """Requests that its own metrics count."""
        return stats.sum_of(self.page(), 'http_requests_total')

    def log_lines(self):
        """Lines of its log; after stop(), so that what was buffered is there."""
        name = 'log' if os.path.exists(self.path('log')) else 'stdout'
        with open(self.path(name), 'rb') as f:
            return sum(block.count(b'\n') for block in iter(lambda: f.read(1 << 20), b''))

    def check(self):
        """Raises Failed unless it answers as it should: a comparison with less work done is none."""
        status, head, body = client.get(self.port, '/health', ['X-Correlation-ID: ' + ID])
        if status != 200 or b'"healthy"' not in body or len(body) < 100:
            raise proc.Failed('GET /health: %d %r' % (status, body[:80]))
        if client.get(self.port, '/no-such-page')[0] != 404:
            raise proc.Failed('an unknown path is no 404')
        if self.peer.ids and 'x-correlation-id: ' not in head:
            raise proc.Failed('no correlation ID in the answer')
        if self.peer.duties:
            if 'x-correlation-id: ' + ID not in head:
                raise proc.Failed('the correlation ID was not taken over')
            if self.counted() < 2:
                raise proc.Failed('its metrics do not count')


def first_line(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip().partition('\n')[0]


class Built(Peer):
    binary = ''

    def path(self):
        return os.path.join(self.built, self.binary)

    def missing(self):
        return None if os.access(self.path(), os.X_OK) else '%s was not built here' % self.binary


class Sidelight(Built):
    name, label, binary = 'sidelight', 'Sidelight', '../sidelight'
    about = 'correlation ID, JSON log, every metric, SLO events'
    works = Peer.works + ('contact',)
    ids = duties = True
    counted = (1000, 6000)

    def version(self):
        return first_line(self.path(), '--version')

    def command(self, run):
        sets = {'listen.public': '127.0.0.1:%d' % run.port, 'listen.metrics': '127.0.0.1:%d' % run.metrics_port,
                'threads': run.workers, 'store.path': run.path('data/sidelight.db'), 'contact.rate': 'off',
                'drain.delay': '0s', 'drain.timeout': '2s'}
        return [self.path()] + [a for pair in sets.items() for a in ('--set', '%s=%s' % pair)], {}


class Many(Built):
    """Sidelight's library with as many series as asked for."""
    name, label, binary = 'sidelight', 'Sidelight', 'many'
    works = ('scrape', 'scrape-2', 'beside')
    first_path = '/r/000000'

    def command(self, run):
        return [self.path(), '--public', '127.0.0.1:%d' % run.port, '--metrics', '127.0.0.1:%d' % run.metrics_port,
                '--series', str(run.series), '--routes', '10', '--threads', str(run.workers)], {}


class Nginx(Peer):
    counted = (1000, 6000)

    def missing(self):
        return None if shutil.which('nginx') else 'nginx is not installed'

    def version(self):
        return first_line('nginx', '-v').partition('/')[2]

    def command(self, run):
        with open(os.path.join(BENCH, 'peers', self.name + '.conf')) as f:
            text = f.read()
        # Under valgrind one process, as valgrind writes a file for each.
        for key, value in {'PORT': run.port, 'WORKERS': run.workers, 'MASTER': 'off' if run.wrapper else 'on'}.items():
            text = text.replace('@%s@' % key, str(value))
        run.write('nginx.conf', text)
        return ['nginx', '-p', run.directory, '-c', 'nginx.conf'], {}


class NginxBare(Nginx):
    name, label = 'nginx-bare', 'nginx, bare'
    about = 'return 200; no log, no ID, no metrics'


class NginxLog(Nginx):
    name, label = 'nginx-log', 'nginx with a log'
    about = 'buffered JSON log, $request_id; no metrics'
    ids = True


class RawH2o(Built):
    name, label, binary = 'libh2o', 'libh2o, raw', 'h2o'
    about = 'a static body; no log, no ID, no metrics'
    counted = (1000, 6000)

    def version(self):
        return first_line('dpkg-query', '-W', '-f', '${Version}', 'libh2o-evloop-dev')

    def command(self, run):
        return [self.path(), str(run.port), str(run.workers)], {}


class Go(Built):
    name, label, binary = 'go', 'Go + client_golang', 'go-peer'
    about = 'net/http; correlation ID, JSON log, metrics'
    works = Peer.works + ('contact', 'scrape', 'scrape-2')
    ids = duties = True
    counted = (1000, 6000)

    def can_store(self):
        return subprocess.run([self.path(), '-can-store'], check=False).returncode == 0

    def version(self):
        return first_line('go', 'version').partition(' go')[2].split(' ')[0]

    def command(self, run):
        return [self.path(), '-public', '127.0.0.1:%d' % run.port, '-metrics', '127.0.0.1:%d' % run.metrics_port,
                '-dir', run.directory, '-series', str(run.series)], {'GOMAXPROCS': str(run.workers)}


class FastAPI(Peer):
    name, label, module = 'fastapi', 'FastAPI + prometheus_client', 'fastapi_app'
    about = 'uvicorn, uvloop, httptools, as documented; correlation ID, JSON log, metrics'
    works = Peer.works + ('contact', 'scrape', 'scrape-2')
    ids = duties = True
    counted = (100, 300)        # a hundred times the work of the others

    def missing(self):
        for module in ('fastapi', 'uvicorn', 'uvloop', 'httptools', 'prometheus_client'):
            if subprocess.run([PYTHON, '-c', 'import ' + module], stderr=subprocess.DEVNULL, check=False).returncode:
                return 'the Python module %s is not installed' % module
        return None

    def version(self):
        code = ('import fastapi, uvicorn, prometheus_client; from importlib.metadata import version as v; '
                'print(fastapi.__version__, "uvicorn", uvicorn.__version__, "prometheus_client", v("prometheus_client"))')
        return first_line(PYTHON, '-c', code)

    def command(self, run):
        # Without `_created` samples, which the others' pages do not have either. From where it was built: its bytecode
        # is kept there, as an installed application's is.
        env = {'BENCH_DIR': run.directory, 'BENCH_METRICS_PORT': str(run.metrics_port),
               'BENCH_SERIES': str(run.series), 'PROMETHEUS_DISABLE_CREATED_SERIES': 'True', 'PYTHONPATH': self.built}
        if run.workers > 1:
            env['PROMETHEUS_MULTIPROC_DIR'] = run.path('values')
            os.makedirs(run.path('values'), exist_ok=True)
        return [PYTHON, '-m', 'uvicorn', self.module + ':app', '--host', '127.0.0.1', '--port', str(run.port),
                '--loop', 'uvloop', '--http', 'httptools', '--no-access-log', '--log-level', 'error',
                '--timeout-keep-alive', '3600', '--backlog', '4096', '--workers', str(run.workers)], env


class FastAPITuned(FastAPI):
    name, label, module = 'fastapi-tuned', 'FastAPI, tuned', 'fastapi_tuned'
    about = 'the same by plain ASGI, without the logging module'
    works = ('health', '404', 'contact', 'instructions')


TABLE = [Sidelight, NginxBare, NginxLog, RawH2o, Go, FastAPI, FastAPITuned]
