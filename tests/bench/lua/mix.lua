-- SPDX-License-Identifier: Apache-2.0
-- What editors do all day: each thread is a user who looks at the course,
-- takes a gadget, renews, and releases it. Of 16 requests 12 are lists, every
-- second of which asks whether there is anything new; two renew.
--
-- With rate=N a thread sends N requests a second, whenever the answers come;
-- without, each as soon as the last is answered. A 5xx is counted, any other
-- answer that may not be is wrong.
--
-- Options: path; course, a name that a number from 1 to courses ends; first,
-- the number of the first gadget that nobody else holds; header:SID, rate.
local bench = require "bench"

local STEPS = {"list", "changes", "acquire", "list", "changes", "list",
    "changes", "renew", "list", "changes", "list", "changes", "renew", "list",
    "changes", "release"}

local base, listing, sid, acquire, turn, lock, etag
local interval, began, sent

-- Milliseconds until the next request is due.
local function until_due()
    local now = bench.now()
    began = began or now - interval * math.random()
    sent = sent + 1
    return math.max(0, math.floor((began + sent * interval - now) / 1e3 + 0.5))
end

function bench.prepare(options)
    local course = options.course .. number % options.courses + 1
    local gadget = "g" .. options.first + number - 1
    base = options.path
    listing = base .. "?subject.courseId=" .. course
    sid = bench.fill(options.headers.SID, number)
    acquire = bench.format("POST", base, number,
        '{"type": "gadget", "subject": {"courseId": "' .. course
        .. '", "gadgetId": "' .. gadget .. '"}}')
    -- Threads do not go in step.
    turn = number % #STEPS
    if options.rate then
        math.randomseed(number)
        interval = 1e6 / options.rate
        sent = 0
        -- wrk asks it before each request, if there is such a function.
        delay = until_due
    end
end

-- A step that needs a lock takes one if there is none.
local function step()
    local name = STEPS[turn + 1]
    if not lock and (name == "renew" or name == "release") then
        return "acquire"
    end
    return name
end

function request()
    local name = step()
    if name == "list" or name == "changes" then
        return wrk.format("GET", listing,
            {SID = sid, ["If-None-Match"] = name == "changes" and etag or nil})
    elseif name == "release" then
        return wrk.format("DELETE", base .. "/" .. lock, {SID = sid})
    end
    return acquire
end

local function list_is_right(status, headers, body)
    if status == 304 then
        bench.count("unchanged")
        return #body == 0
    end
    etag = headers.ETag
    return status == 200 and etag and body:sub(1, 1) == "["
        and body:sub(-1) == "]"
        -- Who holds a lock finds it in each list.
        and (not lock or body:find(lock, 1, true))
end

local function is_right(name, status, headers, body)
    if name == "list" or name == "changes" then
        return list_is_right(status, headers, body)
    elseif name == "release" then
        lock = nil
        return status == 200 and body == "{}"
    end
    local id, before = body:match('"id": "(%d+)"'), lock
    lock = status == 201 and id or nil
    return lock and (not before or before == lock)
end

function response(status, headers, body)
    local name = step()
    turn = (turn + 1) % #STEPS
    if status >= 500 then
        bench.count("failed_" .. status)
        lock = nil
        return
    end
    bench.expect(is_right(name, status, headers, body), "no right answer to "
        .. name, status, body)
end
