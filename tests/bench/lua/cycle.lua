-- SPDX-License-Identifier: Apache-2.0
-- Each thread is a user: takes a lock and releases it. Speaks to mod_locks
-- and to the page in PHP.
--
-- Options: path, course, gadget, header:SID, owner.
local bench = require "bench"

local acquire, base, owner, lock, began

function bench.prepare(options)
    base = options.path
    -- Every sign of a name stands for itself.
    owner = bench.fill(options.owner, number):gsub("%p", "%%%0")
    owner = '"ownerId":%s*"' .. owner .. '"'
    acquire = bench.format("POST", base, number,
        '{"type": "gadget", "subject": {"courseId": "' .. options.course
        .. '", "gadgetId": "' .. options.gadget .. '"}}')
end

function request()
    began = bench.now()
    if lock then
        return bench.format("DELETE", base .. "/" .. lock, number)
    end
    return acquire
end

local function acquired(status, body)
    local id = body:match('"id":%s*"(%d+)"')
    bench.count("acquire_us", bench.now() - began)
    bench.count("acquired")
    if bench.expect(status == 201 and id and body:find(owner),
                    "not acquired", status, body) then
        lock = id
    end
end

function response(status, _, body)
    if not lock then
        return acquired(status, body)
    end
    lock = nil
    if bench.expect(status == 200 and body == "{}", "not released", status,
                    body) then
        bench.count("cycles")
    end
end
