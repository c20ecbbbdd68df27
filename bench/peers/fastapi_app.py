# SPDX-License-Identifier: MIT
"""FastAPI with Sidelight's duties, written as its documentation and prometheus_client's show it: middleware by
decorator, labels() where a metric is used, the logging module with a JSON formatter, endpoints that return a dict.
That is what users run. fastapi_tuned.py is the same with all of that squeezed.
"""
import json
import logging
import time
import uuid
from datetime import datetime, timezone

from fastapi import FastAPI, Request

import fastapi_parts as parts


class Json(logging.Formatter):
    def format(self, record):
        ts = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec='milliseconds')
        return json.dumps({'ts': ts, 'level': 'info', 'event': record.getMessage(), **record.fields})


class Buffered(logging.StreamHandler):
    def flush(self):
        """Not after each line: parts.flush does, once a second."""


handler = Buffered(parts.log)
handler.setFormatter(Json())
logger = logging.getLogger('requests')
logger.addHandler(handler)
logger.setLevel(logging.INFO)
logger.propagate = False

app = FastAPI(on_startup=[parts.start], on_shutdown=[parts.log.flush])


@app.middleware('http')
async def duties(request: Request, call_next):
    start = time.perf_counter()
    correlation_id = request.headers.get('X-Correlation-ID') or str(uuid.uuid4())
    request.state.correlation_id = correlation_id
    with parts.IN_FLIGHT.track_inprogress():
        response = await call_next(request)
    response.headers['X-Correlation-ID'] = correlation_id
    took = time.perf_counter() - start
    endpoint = parts.endpoint_of(request.url.path)
    parts.REQUESTS.labels(request.method, endpoint, str(response.status_code)).inc()
    parts.DURATION.labels(request.method, endpoint).observe(took)
    logger.info('request', extra={'fields': {
        'correlation_id': correlation_id, 'method': request.method, 'endpoint': endpoint, 'path': request.url.path,
        'status': response.status_code, 'duration_ms': round(took * 1000, 3),
        'bytes_in': int(request.headers.get('Content-Length', 0)),
        'bytes_out': int(response.headers.get('Content-Length', 0)), 'client_ip': request.client.host,
        'user_agent': request.headers.get('User-Agent', '')}})
    return response


@app.get('/health')
async def health():
    return parts.health_body()


@app.post('/contact', status_code=201)
async def contact(form: parts.Contact, request: Request):
    return {'id': await parts.keep(form, request.state.correlation_id), 'status': 'received'}
