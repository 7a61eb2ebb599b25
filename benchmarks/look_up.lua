-- wrk: the requests of the file LOOK_UPS ("number<TAB>key" on each line), in turn; PAUSE_MS is the mean pause of each
-- connection before a request, by chance between nothing and twice that.
local requests, turn = {}, 0
local pause_ms = tonumber(os.getenv("PAUSE_MS") or "0")

function init()
  for line in io.lines(os.getenv("LOOK_UPS")) do
    local number, key = line:match("^(.-)\t(.-)$")
    requests[#requests + 1] = wrk.format("GET", "/api/v1/certificate/" .. number, {["X-API-Key"] = key, ["Host"] = "127.0.0.1"})
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

if pause_ms > 0 then
  function delay()
    return math.random(0, math.floor(2 * pause_ms))
  end
end
