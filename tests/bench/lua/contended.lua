-- SPDX-License-Identifier: Apache-2.0
-- Many users on one course: each takes a gadget, releases it, and goes on to
-- the next of as many gadgets as there are. Counts what came of it: only an
-- answer that no server may give is wrong.
--
-- Options: path, course, gadgets, users, header:SID.
local bench = require "bench"

local base, course, gadgets, alone, gadget, lock

function bench.prepare(options)
    base, course = options.path, options.course
    gadgets = tonumber(options.gadgets)
    -- With a gadget for each user nobody is in the way of anybody.
    alone = gadgets >= tonumber(options.users)
    gadget = number
end

function request()
    if lock then
        return bench.format("DELETE", base .. "/" .. lock, number)
    end
    return bench.format("POST", base, number,
        '{"type": "gadget", "subject": {"courseId": "' .. course
        .. '", "gadgetId": "g' .. gadget % gadgets + 1 .. '"}}')
end

local function refused(status, body)
    bench.count("refused_otherwise")
    bench.count("status_" .. status)
    bench.expect(status == 503
        and body:find('^{"error": 503, "message": ".+"}$'),
        "neither done nor refused", status, body)
end

local function after_acquire(status, body)
    lock = status == 201 and body:match('"id": "(%d+)"')
    if lock then
        return bench.count("granted")
    end
    if not alone then
        gadget = gadget + 1
    end
    if status == 403 and body:find('"Resource locked"', 1, true)
        and not alone then
        return bench.count("refused_locked")
    end
    refused(status, body)
end

function response(status, _, body)
    if not lock then
        return after_acquire(status, body)
    end
    lock = nil
    if status == 200 and body == "{}" then
        return bench.count("released")
    end
    refused(status, body)
end
