-- SPDX-License-Identifier: Apache-2.0
-- Each thread is a user who holds a lock and renews it: by POST, as when it
-- was taken, or by PUT.
--
-- Options: path, method, course, gadget, header:SID.
local bench = require "bench"

local acquire, again, by_id, base, lock

function bench.prepare(options)
    base = options.path
    by_id = options.method == "PUT"
    acquire = bench.format("POST", base, number,
        '{"type": "gadget", "subject": {"courseId": "' .. options.course
        .. '", "gadgetId": "' .. options.gadget .. '"}}')
end

function request()
    return again or acquire
end

function response(status, _, body)
    local id = body:match('"id":%s*"(%d+)"')
    if not lock then
        if bench.expect(status == 201 and id, "not acquired", status, body)
        then
            lock = id
            again = by_id and bench.format("PUT", base .. "/" .. id, number)
        end
        return
    end
    bench.expect(status == (by_id and 200 or 201) and id == lock,
                 "not renewed", status, body)
end
