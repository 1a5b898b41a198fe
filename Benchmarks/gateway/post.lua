-- The request that wrk repeats, and its report as one JSON line. load.py sets the environment:
-- BENCH_BODY (file), BENCH_EVENTS and BENCH_GAP_MILLISECONDS (streams only).

local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer sk-bench"
if os.getenv("BENCH_EVENTS") then
    wrk.headers["x-bench-events"] = os.getenv("BENCH_EVENTS")
    wrk.headers["x-bench-gap-milliseconds"] = os.getenv("BENCH_GAP_MILLISECONDS")
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        'report {"requests":%d,"bytes":%d,"seconds":%.6f,"p50":%d,"p99":%d,"errors":' ..
        '{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
        summary.requests, summary.bytes, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
