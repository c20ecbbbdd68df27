-- SPDX-License-Identifier: MIT
-- One line of figures, for lib/stats.py; wrk's own table has no p99.9. Only done() is defined: a function for each
-- request would cost wrk more than a server needs to answer it. The body is the environment's BENCH_BODY.
local body = os.getenv("BENCH_BODY")
if body then
    wrk.method = "POST"
    wrk.body = body
    wrk.headers["Content-Type"] = "application/json"
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format("figures requests=%d us=%d bytes=%d connect=%d read=%d write=%d status=%d timeout=%d ",
        summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout))
    io.write(string.format("p50=%d p99=%d p999=%d max=%d\n",
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
