-- SPDX-License-Identifier: Apache-2.0
-- Events for wrk, each of its own and about 670 bytes long, as load.c sends them:
-- wrk -s load.lua URL -- BATCH PERSONS FIRST AUTHORIZATION
-- Prints one JSON line at the end.
local threads, last = 0
local THREAD_EVENTS = 50000000

function setup(thread)
    thread:set("thread", threads)
    threads, last = threads + 1, thread
end

function init(arguments)
    batch, persons = tonumber(arguments[1]), tonumber(arguments[2])
    number = tonumber(arguments[3]) + thread * THREAD_EVENTS
    path = batch > 1 and "/v1/batch" or "/v1/track"
    headers = { ["Authorization"] = arguments[4], ["Content-Type"] = "application/json" }
    time = os.date("!%Y-%m-%dT%H:%M:%S.000Z")
    math.randomseed(thread + 1)
end

local event = '{"type":"track","event":"%s","messageId":"bench-%016.0f","userId":"user-%08d",'
    .. '"anonymousId":"b7f0c9a2-5d1e-4c3b-9a77-%012d","timestamp":"%s","properties":{"order_id":"o-%.0f","total":%d.%02d,'
    .. '"currency":"CNY","products":[{"product_id":"sku-%04d","quantity":1,"price":%d.00,"category":"skin care"}],'
    .. '"coupon":"SPRING"},"context":{"library":{"name":"analytics-node","version":"3.1.0"},"channel":"mini_program",'
    .. '"page":{"path":"/cart","title":"Cart"},"os":{"name":"iOS","version":"17.2"},"locale":"zh-CN","campaign":{"name":'
    .. '"spring","source":"wechat","medium":"social"},"device":{"type":"phone"}}}'

local function make_event()
    number = number + 1
    local person = math.random(0, persons - 1)
    local name = number % 10 == 0 and "Order Completed" or "Product Viewed"
    return event:format(name, number, person, person, time, number, 1 + number % 500, number % 100, number % 3000, number % 90)
end

function request()
    if batch == 1 then
        return wrk.format("POST", path, headers, make_event())
    end
    local events = {}
    for i = 1, batch do
        events[i] = make_event()
    end
    return wrk.format("POST", path, headers, '{"batch":[' .. table.concat(events, ",") .. "]}")
end

function done(summary, latency, requests)
    local seconds, errors = summary.duration / 1e6, summary.errors
    local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    local accepted = (summary.requests - errors.status) * last:get("batch")
    io.write(string.format(
        '{"requests_per_second":%.0f,"events_per_second":%.0f,"p50_ms":%.3f,"p99_ms":%.3f,"requests":%d,"failures":%d}\n',
        summary.requests / seconds, accepted / seconds, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        summary.requests, failures))
end
