-- SPDX-License-Identifier: Apache-2.0
-- The same request again and again, by users in turn; every answer has the
-- same status, length, beginning and end.
--
-- Options: method, path, body, users; status, length, begins, ends.
local bench = require "bench"

local requests = {}
local turn, status_wanted, length, begins, ends

function bench.prepare(options)
    for user = 1, tonumber(options.users) do
        requests[user] = bench.format(options.method, options.path, user,
                                      options.body)
    end
    turn = number
    status_wanted = tonumber(options.status)
    length = tonumber(options.length)
    begins, ends = options.begins, options.ends
end

function request()
    return requests[turn % #requests + 1]
end

function response(status, _, body)
    turn = turn + 1
    bench.expect(status == status_wanted and #body == length
        and body:sub(1, #begins) == begins
        and body:sub(length - #ends + 1) == ends,
        "not the same answer", status, body)
end
