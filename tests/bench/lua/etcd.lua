-- SPDX-License-Identifier: Apache-2.0
-- Each thread is a client of etcd's gateway that speaks JSON: it is granted
-- a lease, takes a lock of its own name with it, and unlocks.
local bench = require "bench"

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    .. "0123456789+/"

local name, lease, key

-- Base64 of text whose length is a multiple of three.
local function encoded(text)
    return (text:gsub("...", function(three)
        local a, b, c = three:byte(1, 3)
        local bits = a * 65536 + b * 256 + c
        local letters = ""
        for shift = 3, 0, -1 do
            local at = math.floor(bits / 64 ^ shift) % 64 + 1
            letters = letters .. ALPHABET:sub(at, at)
        end
        return letters
    end))
end

function bench.prepare()
    name = encoded(string.format("gadget%03d", number))
end

local function ask(path, body)
    return wrk.format("POST", "/v3/" .. path,
                      {["Content-Type"] = "application/json"}, body)
end

function request()
    if key then
        return ask("lock/unlock", '{"key": "' .. key .. '"}')
    elseif lease then
        return ask("lock/lock",
            '{"name": "' .. name .. '", "lease": "' .. lease .. '"}')
    end
    return ask("lease/grant", '{"TTL": 300}')
end

function response(status, _, body)
    if key then
        key, lease = nil, nil
        if bench.expect(status == 200 and body:find('"revision"'),
                        "not unlocked", status, body) then
            bench.count("cycles")
        end
    elseif lease then
        key = body:match('"key":"([^"]+)"')
        bench.expect(status == 200 and key, "not locked", status, body)
    else
        lease = body:match('"ID":"(%d+)"')
        bench.expect(status == 200 and lease, "no lease", status, body)
    end
end
