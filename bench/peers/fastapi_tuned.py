# SPDX-License-Identifier: MIT
"""FastAPI with Sidelight's duties, as fast as its libraries allow without giving up what they are for:
- the duties are plain ASGI middleware: `@app.middleware("http")` costs tasks and queues a request;
- an endpoint returns a Response: no model of the answer is validated, no jsonable_encoder runs;
- what has labels is resolved once and kept, as Sidelight does at start, instead of calling labels() each time;
- a log line is one json.dumps into the buffer, not the logging module.
"""
import json
import time
import uuid
from datetime import datetime, timezone

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

import fastapi_parts as parts


class Duties:
    """Correlation ID in and out, counter, histogram, in-flight gauge, one JSON line."""

    def __init__(self, app):
        self.app = app
        self.series = {}

    def resolve(self, method, path, status):
        endpoint = parts.endpoint_of(path)
        found = self.series.get((method, endpoint, status))
        if found is None:
            found = (parts.REQUESTS.labels(method, endpoint, str(status)), parts.DURATION.labels(method, endpoint), endpoint)
            self.series[method, endpoint, status] = found
        return found

    async def __call__(self, scope, receive, send):
        if scope['type'] != 'http':
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        sent = [500, 0]
        headers = dict(scope['headers'])
        correlation_id = headers.get(b'x-correlation-id') or str(uuid.uuid4()).encode()
        scope['correlation_id'] = correlation_id.decode('latin-1')

        async def answer(message):
            if message['type'] == 'http.response.start':
                sent[0] = message['status']
                message['headers'].append((b'x-correlation-id', correlation_id))
            else:
                sent[1] += len(message.get('body', b''))
            await send(message)

        parts.IN_FLIGHT.inc()
        try:
            await self.app(scope, receive, answer)
        finally:
            parts.IN_FLIGHT.dec()
            took = time.perf_counter() - start
            count, duration, endpoint = self.resolve(scope['method'], scope['path'], sent[0])
            count.inc()
            duration.observe(took)
            parts.log.write(json.dumps({
                'ts': datetime.now(timezone.utc).isoformat(timespec='milliseconds'), 'level': 'info',
                'event': 'request', 'correlation_id': scope['correlation_id'], 'method': scope['method'],
                'endpoint': endpoint, 'path': scope['path'], 'status': sent[0],
                'duration_ms': round(took * 1000, 3), 'bytes_in': int(headers.get(b'content-length', 0)),
                'bytes_out': sent[1], 'client_ip': scope['client'][0],
                'user_agent': headers.get(b'user-agent', b'').decode('latin-1')}) + '\n')


app = FastAPI(openapi_url=None, on_startup=[parts.start], on_shutdown=[parts.log.flush])
app.add_middleware(Duties)


@app.get('/health')
async def health():
    return JSONResponse(parts.health_body())


@app.post('/contact')
async def contact(form: parts.Contact, request: Request):
    return JSONResponse({'id': await parts.keep(form, request.scope['correlation_id']), 'status': 'received'}, 201)
