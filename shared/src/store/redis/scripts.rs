//! What runs in the server: the operations that need a condition in the middle, which a `MULTI` cannot have.
//!
//! Without a shebang: Upstash's `flags=allow-key-locking` fails on a real Redis 7.0. Every time is ours and
//! comes as an argument.

/// One write to one row, on conditions. Returns whether they held, the row as it was before, and the row
/// beside it. A row that has expired is deleted first.
/// KEYS: the list of calls, the row, perhaps the row beside it. ARGV: now, whether the row must be
/// new, its age and expiry if it has none, seconds until garbage, what becomes of its place in the
/// list, at which time, until when. Then come four lists, each after its length: conditions (field,
/// kind, value), fields to set once, fields to set, fields to remove.
pub(super) const PUT: &str = "\
local list, row, now, at = KEYS[1], KEYS[2], tonumber(ARGV[1]), 7
local function next()
  at = at + 1
  return ARGV[at]
end
local found, fields = redis.call('HGETALL', row), {}
for i = 1, #found, 2 do fields[found[i]] = found[i + 1] end
local expiry = fields.born and string.match(fields.born, ' (%d+)$')
if expiry and tonumber(expiry) <= now then
  redis.call('DEL', row)
  redis.call('ZREM', list, row)
  found, fields = {}, {}
end
local beside = KEYS[3] and redis.call('HGETALL', KEYS[3])
local is_done = ARGV[2] == '' or #found == 0
for i = 1, tonumber(next()) do
  local known, kind, value = fields[next()], next(), next()
  if kind == 'begins' and known then known = string.sub(known, 1, #value) end
  is_done = is_done and ((not known and (kind == 'absent' or kind == 'either'))
    or (known and kind ~= 'absent' and known == value))
end
if not is_done then return {0, found, beside} end
for i = 1, tonumber(next()) do redis.call('HSETNX', row, next(), next()) end
for i = 1, tonumber(next()) do redis.call('HSET', row, next(), next()) end
for i = 1, tonumber(next()) do redis.call('HDEL', row, next()) end
if ARGV[3] ~= '' then
  redis.call('HSETNX', row, 'born', ARGV[3])
  if redis.call('TTL', row) == -1 then redis.call('EXPIRE', row, ARGV[4]) end
end
if ARGV[5] == 'listed' then
  local age = fields.born and string.match(fields.born, '^%d+')
  redis.call('ZADD', list, 'NX', age or ARGV[6], row)
elseif ARGV[5] == 'older' then
  redis.call('HSET', row, 'born', ARGV[6] .. ' ' .. ARGV[7])
  redis.call('ZADD', list, ARGV[6], row)
elseif ARGV[5] == 'unlisted' then
  redis.call('ZREM', list, row)
end
return {1, found, beside}";

/// Deletes a row on one condition.
/// KEYS: the row. ARGV: field, kind, value.
pub(super) const DELETE: &str = "\
local known = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[2] == 'begins' and known then known = string.sub(known, 1, #ARGV[3]) end
if known == ARGV[3] then return redis.call('DEL', KEYS[1]) end
return 0";

/// Takes one of some places until a time; places whose time has come are free. An owner that holds
/// one keeps it. Returns nothing, or what stands in the way, `full` or `soon`, and until when.
/// KEYS: a sorted set. ARGV: now, owner, number of places, end of the lease, seconds until garbage,
/// from the end of the newest lease to when another may follow (negative; empty for at any time).
pub(super) const LEASE: &str = "\
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZSCORE', KEYS[1], ARGV[2]) then return false end
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
local after = 0
if newest and ARGV[6] ~= '' then after = tonumber(newest) + tonumber(ARGV[6]) end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or ARGV[1]
  return 'full ' .. string.format('%.0f', math.max(tonumber(first), after))
end
if after > tonumber(ARGV[1]) then return 'soon ' .. string.format('%.0f', after) end
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[2])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[5]) then
  redis.call('EXPIRE', KEYS[1], ARGV[5])
end
return false";

/// Takes one of the places of any 24 hours. The hash has a count for each hour (`h<hour>`) and the
/// latest entries (`e<entry>`, when). Returns nothing, or when there is room again.
/// KEYS: a hash. ARGV: now, entry, number of places, this hour, the oldest hour that counts, since when
/// entries are remembered, how many of them at most, seconds until garbage.
pub(super) const TAKE_DAY: &str = "\
local limit, total, hours, entries, gone = tonumber(ARGV[3]), 0, {}, {}, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local kind, name, value = string.sub(all[i], 1, 1), string.sub(all[i], 2), tonumber(all[i + 1])
  if kind == 'h' and tonumber(name) >= tonumber(ARGV[5]) then
    total = total + value
    hours[#hours + 1] = {tonumber(name), value}
  elseif kind == 'e' and value >= tonumber(ARGV[6]) then
    if name == ARGV[2] then return false end
    entries[#entries + 1] = {value, all[i]}
  else
    gone[#gone + 1] = all[i]
  end
end
local function older(a, b) return a[1] < b[1] end
if total >= limit then
  table.sort(hours, older)
  for _, hour in ipairs(hours) do
    total = total - hour[2]
    if total < limit then return string.format('%.0f', (hour[1] + 25) * 3600000) end
  end
  return string.format('%.0f', tonumber(ARGV[1]) + 86400000)
end
if #entries >= tonumber(ARGV[7]) then
  table.sort(entries, older)
  for i = 1, #entries / 2 do gone[#gone + 1] = entries[i][2] end
end
for _, field in ipairs(gone) do redis.call('HDEL', KEYS[1], field) end
redis.call('HINCRBY', KEYS[1], 'h' .. ARGV[4], 1)
redis.call('HSET', KEYS[1], 'e' .. ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[8])
return false";

/// Gives the entry's place back, if it is still remembered.
/// KEYS: a hash. ARGV: the entry.
pub(super) const GIVE_DAY_BACK: &str = "\
local at = redis.call('HGET', KEYS[1], 'e' .. ARGV[1])
if not at then return 0 end
redis.call('HINCRBY', KEYS[1], string.format('h%.0f', math.floor(tonumber(at) / 3600000)), -1)
return redis.call('HDEL', KEYS[1], 'e' .. ARGV[1])";
