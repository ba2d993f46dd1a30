-- SPDX-License-Identifier: Apache-2.0
-- What all loads share: options, the count of what happened, the check of
-- each answer, and the report at the end.
--
-- wrk runs a script once in its main thread and once in each of its threads.
-- A load defines request(), response() and bench.prepare(). request() must
-- change nothing: wrk calls it once more than it sends, and again after a
-- connection was lost.
local ffi = require "ffi"

ffi.cdef [[
typedef struct { long seconds, nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *time);
]]

local MONOTONIC = 1
local bench = {options = {}}
local time = ffi.new("bench_time")
local threads = {}

-- Read by the main thread at the end.
tally = {wrong = 0}
first_wrong = ""

-- Microseconds since some moment.
function bench.now()
    ffi.C.clock_gettime(MONOTONIC, time)
    return tonumber(time.seconds) * 1e6 + tonumber(time.nanoseconds) / 1e3
end

function bench.count(name, number)
    tally[name] = (tally[name] or 0) + (number or 1)
end

-- Notes an answer that is not as it has to be. Returns whether it is.
function bench.expect(good, what, status, body)
    if not good then
        bench.count("wrong")
        if first_wrong == "" then
            first_wrong = what .. ": " .. status .. " " .. body:sub(1, 400)
        end
    end
    return good
end

-- "{n}" stands for the number of a thread, or of a user.
function bench.fill(text, number)
    return (text:gsub("{n}", tostring(number)))
end

function setup(thread)
    threads[#threads + 1] = thread
    thread:set("number", #threads)
end

-- Options are name=value, headers header:Name=value.
function init(arguments)
    bench.options.headers = {}
    for _, argument in ipairs(arguments) do
        local name, value = argument:match("^(.-)=(.*)$")
        local header = name:match("^header:(.*)$")
        if header then
            bench.options.headers[header] = value
        else
            bench.options[name] = value
        end
    end
    bench.prepare(bench.options)
end

-- A request of the user with this number.
function bench.format(method, path, number, body)
    local headers = {}
    for name, value in pairs(bench.options.headers) do
        headers[name] = bench.fill(value, number)
    end
    return wrk.format(method, bench.fill(path, number), headers,
                      body and bench.fill(body, number))
end

local function quoted(text)
    return '"' .. text:gsub('[^ !#-%[%]-~]', function(character)
        return string.format("\\u%04x", character:byte())
    end) .. '"'
end

local function collected()
    local total, wrong = {}, ""
    for _, thread in ipairs(threads) do
        for name, number in pairs(thread:get("tally")) do
            total[name] = (total[name] or 0) + number
        end
        if wrong == "" then
            wrong = thread:get("first_wrong")
        end
    end
    return total, wrong
end

function done(summary, latency)
    local total, wrong = collected()
    for _, kind in ipairs {"connect", "read", "write", "timeout"} do
        total["lost_" .. kind] = summary.errors[kind]
    end
    total.requests = summary.requests
    total.duration_us = summary.duration
    total.p50_us = latency:percentile(50)
    total.p99_us = latency:percentile(99)
    local members = {'"first_wrong": ' .. quoted(wrong)}
    for name, number in pairs(total) do
        members[#members + 1] = string.format('"%s": %.3f', name, number)
    end
    print("\nBENCH {" .. table.concat(members, ", ") .. "}")
end

return bench
