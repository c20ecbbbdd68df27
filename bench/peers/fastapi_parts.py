# SPDX-License-Identifier: MIT
"""What both FastAPI peers share: the metrics, the log file, the store, starting and stopping.

Fair to them:
- the log is buffered, 64 KiB, and flushed once a second: nobody pays a system call a line;
- a submission is written by one thread of its own through one connection: no SQLITE_BUSY, no pool to wait for, and
  the event loop goes on meanwhile. Each is a transaction: nothing in the box groups commits.

From the environment: BENCH_DIR, BENCH_METRICS_PORT, BENCH_SERIES (more series on the page). Several workers need
PROMETHEUS_MULTIPROC_DIR: prometheus_client then keeps its values in files that the workers share.
"""
import asyncio
import os
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Optional

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, multiprocess, start_http_server
from pydantic import BaseModel, Field

DIR = os.environ['BENCH_DIR']
MULTI = 'PROMETHEUS_MULTIPROC_DIR' in os.environ
BOUNDS = (.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10)
CODES = ('200', '404', '499', '500')

REQUESTS = Counter('http_requests_total', 'Requests.', ['method', 'endpoint', 'status'])
DURATION = Histogram('http_request_duration_seconds', 'Their duration.', ['method', 'endpoint'], buckets=BOUNDS)
IN_FLIGHT = Gauge('http_requests_in_flight', 'Requests being answered.',
                  **({'multiprocess_mode': 'livesum'} if MULTI else {}))
MANY = Counter('many_events_total', 'Events that never happened.', ['area', 'kind', 'code'])

log = open(os.path.join(DIR, 'log'), 'a', buffering=65536, encoding='ascii')
writer = ThreadPoolExecutor(1)
started = time.monotonic()


class Contact(BaseModel):
    name: str = Field(min_length=1, max_length=200)
    email: str = Field(min_length=3, max_length=254, regex=r'^[^@\s]+@[^@\s]+\.[^@\s]+$')
    message: str = Field(min_length=1, max_length=10000)
    source: Optional[str] = Field(None, max_length=200)


def endpoint_of(path):
    return path if path in ('/health', '/contact') else 'unmatched'


def health_body():
    return {'status': 'healthy', 'uptime': round(time.monotonic() - started, 3), 'version': '0.1.0',
            'dependencies': [{'name': 'store', 'status': 'healthy', 'latency_ms': 0.015}]}


def open_store():
    global store
    store = sqlite3.connect(os.path.join(DIR, 'contact.db'), isolation_level=None, check_same_thread=False, timeout=10)
    store.execute('PRAGMA journal_mode = WAL')
    store.execute('PRAGMA synchronous = FULL')
    store.execute('CREATE TABLE IF NOT EXISTS contact (id TEXT PRIMARY KEY, received_at INTEGER, name TEXT, email TEXT, '
                  'message TEXT, source TEXT, correlation_id TEXT)')


def insert(row):
    store.execute('INSERT INTO contact VALUES (?, ?, ?, ?, ?, ?, ?)', row)     # autocommit: durable on return


async def keep(form, correlation_id):
    """Stores a submission; -> its ID."""
    key = str(uuid.uuid4())
    await asyncio.get_running_loop().run_in_executor(writer, insert, (
        key, time.time_ns() // 1000000, form.name, form.email, form.message, form.source, correlation_id))
    return key


async def flush():
    while True:
        await asyncio.sleep(1)
        log.flush()


async def start():
    registry = REGISTRY
    if MULTI:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    for n in range(int(os.environ.get('BENCH_SERIES', 0))):
        # Names and values are those of many.c.
        MANY.labels(f'area-{n // 400}', f'kind-{n // 4 % 100}', CODES[n % 4]).inc(n * 2654435761 % 1000000007 >> n % 24)
    try:
        start_http_server(int(os.environ['BENCH_METRICS_PORT']), '127.0.0.1', registry)
    except OSError:
        pass            # another worker has it, and answers for all
    await asyncio.get_running_loop().run_in_executor(writer, open_store)
    asyncio.get_running_loop().create_task(flush())
