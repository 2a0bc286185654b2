-- The rate gate inside Redis: gate_control.py, line for line, on a hash. gate_redis.py puts the constants and clock()
-- before this text. KEYS[1]: the account. ARGV: calls and window_s of the rate, then the verb and what belongs to it.
local FIELDS = {'calls', 'proven', 'refused', 'since', 'served', 'knock_s', 'settled_at', 'struck_at', 'strikes',
                'free_at', 'last_turn', 'seen'}
local GO, WAIT, LATER, STALE = 0, 1, 2, -1
local SUCCESS, THROTTLED = 0, 1
local key = KEYS[1]
local most, window_s = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = clock()

local function exact(number)
  return string.format('%.17g', number)
end

local function load()
  local found = redis.call('HMGET', key, unpack(FIELDS))
  if not found[1] then
    return nil
  end
  local memory = {}
  for at, name in ipairs(FIELDS) do
    memory[name] = tonumber(found[at]) or 0
  end
  return memory
end

local function save(memory)
  local pairs_ = {}
  for _, name in ipairs(FIELDS) do
    pairs_[#pairs_ + 1] = name
    pairs_[#pairs_ + 1] = exact(memory[name])
  end
  redis.call('HSET', key, unpack(pairs_))
  redis.call('EXPIRE', key, KEEP_S)
end

local function born(calls)
  local memory = {}
  for _, name in ipairs(FIELDS) do
    memory[name] = 0
  end
  memory.calls = calls
  return memory
end

local function spacing_s(calls)
  if calls >= 1 then
    return (window_s + MARGIN_S) / calls
  end
  return window_s / calls + MARGIN_S
end

local function check_clock(memory)
  local back = memory.seen - now
  if back > CLOCK_STEP_S then
    for _, name in ipairs({'since', 'settled_at', 'struck_at', 'free_at', 'last_turn'}) do
      memory[name] = memory[name] - back
    end
    memory.seen = now
  end
end

local function step(calls)
  if calls >= 1 then
    return math.max(1, math.floor(STEP * calls))
  end
  return calls
end

local function half(calls)
  if calls >= 2 then
    return math.floor(calls / 2)
  end
  return math.max(calls / 2, LEAST_CALLS)
end

local function closed(proven, refused)
  return 0 < refused and refused <= proven + step(proven)
end

local function first_knock_s()
  return math.min(FIRST_KNOCK_WINDOWS * window_s, LONGEST_KNOCK_S / 3)
end

local function last_knock_s()
  return math.min(LAST_KNOCK_WINDOWS * window_s, LONGEST_KNOCK_S)
end

local function knock_s_of(memory)
  if memory.knock_s == 0 then
    return first_knock_s()
  end
  return memory.knock_s
end

-- Turns.

local function awake(known, away_s)
  local memory = load()
  local reunited
  if not memory then
    memory = born(known <= 0 and most or known)
    reunited = known > 0 or away_s > 0
  else
    check_clock(memory)
    reunited = 0 < away_s and away_s <= now - memory.seen
  end
  if reunited then
    memory.free_at = math.max(memory.free_at, now + REUNION_S + LATE_S)
  end
  memory.calls = math.min(memory.calls, most)
  memory.seen = now
  return memory
end

local function grant(memory, gap)
  memory.free_at = math.max(now, memory.free_at) + gap
  return GO, 0
end

local function turn_of(memory, held, longest_s)
  local gap = spacing_s(memory.calls)
  local early = memory.free_at - LATE_S - now
  if held and early <= 0 then
    return grant(memory, gap)
  end
  if held and early <= math.min(gap, longest_s) then
    return WAIT, early
  end
  local turn = math.max(now, memory.last_turn + gap, memory.free_at - LATE_S)
  if turn - now > longest_s then
    return LATER, turn - now
  end
  memory.last_turn = turn
  if turn <= now then
    return grant(memory, gap)
  end
  return WAIT, turn - now
end

-- The pace.

local function cut(memory, refused)
  local knock_s = knock_s_of(memory)
  local proven, ceiling
  if memory.proven < refused then
    proven, ceiling = memory.proven, refused
    if refused >= memory.refused and closed(proven, memory.refused) then
      knock_s = math.min(2 * knock_s, last_knock_s())
    end
  else
    proven = 0
    ceiling = now - memory.since >= first_knock_s() and memory.refused or refused
  end
  local halved = half(math.min(memory.calls, refused))
  memory.calls = math.min(memory.calls, math.max(halved, proven))
  memory.settled_at = now + window_s * (memory.calls == halved and 1 or 2)
  memory.proven, memory.refused, memory.served, memory.knock_s = proven, ceiling, 0, knock_s
end

local function refused(memory, verdict, left_at, calls, retry_after_s)
  local asked_s = math.min(math.max(retry_after_s or 0, 0), LONGEST_PAUSE_S)
  local pause_s = asked_s
  if left_at > memory.struck_at then
    local strikes = memory.strikes + 1
    local trusted = strikes == 1 and (retry_after_s ~= nil or verdict ~= THROTTLED)
    local backoff_s = trusted and 0 or math.min(2 ^ math.min(strikes - 1, 10), LONGEST_BACKOFF_S)
    pause_s = math.max(asked_s, backoff_s)
    memory.strikes, memory.struck_at = strikes, now
    if verdict == THROTTLED and left_at > memory.settled_at then
      cut(memory, calls == 0 and memory.calls or calls)
    end
    memory.last_turn = 0
  end
  local until_ = now + pause_s
  memory.free_at = math.max(memory.free_at, until_ + LATE_S)
  memory.since = math.max(memory.since, until_)
end

local function trial_windows(memory)
  if memory.refused > 0 and memory.calls >= memory.refused then
    return KNOCK_TRIAL_WINDOWS
  end
  return memory.proven > 0 and TRIAL_WINDOWS or FIRST_TRIAL_WINDOWS
end

local function proven(memory)
  memory.proven, memory.since, memory.served = memory.calls, now, 0
  if memory.refused > 0 and memory.calls >= memory.refused then
    memory.refused, memory.knock_s = 0, first_knock_s()
  end
  if closed(memory.calls, memory.refused) then
    return
  end
  local calls
  if memory.calls < 1 then
    calls = 2 * memory.calls
  elseif memory.refused > 0 then
    calls = math.floor((memory.calls + memory.refused) / 2)
  else
    calls = math.ceil(1.5 * memory.calls)
  end
  memory.calls = math.min(most, calls)
end

local function succeeded(memory, left_at)
  memory.strikes = 0
  if left_at < memory.since or (memory.calls >= most and most <= memory.proven) then
    return
  end
  if memory.proven >= memory.calls and closed(memory.calls, memory.refused) then
    if now - memory.since >= knock_s_of(memory) then
      memory.calls = math.min(most, memory.calls + step(memory.calls))
      memory.since, memory.served = now, 0
    end
    return
  end
  memory.served = memory.served + 1
  local needed = math.max(1, math.ceil(trial_windows(memory) * memory.calls))
  if memory.served < needed then
    return
  end
  if now - memory.since > 2 * needed * spacing_s(memory.calls) + TRIAL_SLACK_S then
    memory.since, memory.served = now, 0
    return
  end
  proven(memory)
end

-- Who asks: how many share the rate is what each has to know when Redis is gone.

local function count_askers(name)
  local is_new = redis.call('HSET', key, 'asker:' .. name, exact(now)) == 1
  local counted = redis.call('HMGET', key, 'counted_at', 'askers')
  local at, askers = tonumber(counted[1]), tonumber(counted[2]) or 1
  if not is_new and at and at <= now and now - at < COUNT_EVERY_S then
    return askers
  end
  askers = 0
  local all = redis.call('HGETALL', key)
  for place = 1, #all, 2 do
    if string.sub(all[place], 1, 6) == 'asker:' then
      if math.abs(now - tonumber(all[place + 1])) <= math.max(ASKER_S, window_s) then
        askers = askers + 1
      else
        redis.call('HDEL', key, all[place])
      end
    end
  end
  redis.call('HSET', key, 'counted_at', exact(now), 'askers', askers)
  return askers
end

if ARGV[3] == 'ask' then -- asker, held, longest_s, known, away_s, and when it was sent, by our clock as far as known
  local sent_at = tonumber(ARGV[9])
  if sent_at > 0 and now - sent_at > TIMEOUT_S then -- we hung: whoever asked has given up
    return {STALE, '0', '0', 0, exact(now)}
  end
  local memory = awake(tonumber(ARGV[7]), tonumber(ARGV[8]))
  local kind, wait_s = turn_of(memory, ARGV[5] == '1', tonumber(ARGV[6]))
  save(memory)
  return {kind, exact(wait_s), exact(memory.calls), count_askers(ARGV[4]), exact(now)}
end

-- answer: verdict, the call's age in seconds, its pace, retry_after_s or nothing
local verdict, left_at, calls = tonumber(ARGV[4]), now - tonumber(ARGV[5]), tonumber(ARGV[6])
local memory = load()
if not memory then
  memory = born(math.min(calls == 0 and most or calls, most))
  memory.free_at = now + REUNION_S + LATE_S
end
check_clock(memory)
if verdict == SUCCESS then
  succeeded(memory, left_at)
else
  refused(memory, verdict, left_at, calls, tonumber(ARGV[7]))
end
save(memory)
return exact(memory.calls)
