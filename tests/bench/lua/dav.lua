-- SPDX-License-Identifier: Apache-2.0
-- Each thread locks and unlocks a file of its own by WebDAV. With
-- tolerant=1 failures are counted, and the thread goes on with its next
-- file, since nobody knows whether the old one is locked.
--
-- Options: path, with {n} for a number of a file; files; tolerant.
local bench = require "bench"

local BODY = '<?xml version="1.0" encoding="utf-8"?>'
    .. '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>'
    .. '<D:locktype><D:write/></D:locktype></D:lockinfo>'

local path, files, file, token, tolerant

function bench.prepare(options)
    path, files = options.path, tonumber(options.files)
    tolerant = options.tolerant == "1"
    file = (number - 1) * files + 1
end

function request()
    if token then
        return wrk.format("UNLOCK", bench.fill(path, file),
                          {["Lock-Token"] = token})
    end
    return wrk.format("LOCK", bench.fill(path, file),
        {Timeout = "Second-300", ["Content-Type"] = "text/xml"}, BODY)
end

local function failed(what, status, body)
    token = nil
    if tolerant then
        bench.count("refused_otherwise")
        bench.count("status_" .. status)
        file = (number - 1) * files + file % files + 1
    else
        bench.expect(false, what, status, body)
    end
end

function response(status, headers, body)
    if not token then
        token = status == 200 and headers["Lock-Token"]
        if not token then
            return failed("not locked", status, body)
        end
        return bench.count("granted")
    end
    if status ~= 204 then
        return failed("not unlocked", status, body)
    end
    token = nil
    bench.count("cycles")
end
