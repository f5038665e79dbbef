//! The few operations that need a condition in the middle, which a `MULTI` cannot have.
//!
//! Without a shebang: `flags=allow-key-locking` fails on a real Redis 7.0 (`stores.md` 3.2). Every
//! time is ours and comes as an argument.

/// Deletes hashes that fall together, if one of them has expired and nobody has replaced it since.
/// KEYS: the list of calls, the hashes. ARGV: now.
pub(super) const BURY: &str = "\
for i = 2, #KEYS do
  local born = redis.call('HGET', KEYS[i], 'born')
  local expiry = born and string.match(born, ' (%d+)$')
  if expiry and tonumber(expiry) <= tonumber(ARGV[1]) then
    redis.call('DEL', unpack(KEYS, 2))
    redis.call('ZREM', KEYS[1], unpack(KEYS, 2))
    return 1
  end
end
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

/// Marks the outcome of a claim as unknown, if the claim is this owner's.
/// KEYS: a hash. ARGV: the claim up to the end of its owner.
pub(super) const DOUBT: &str = "\
local claim = redis.call('HGET', KEYS[1], 'claim')
if claim and string.sub(claim, 1, #ARGV[1]) == ARGV[1] then
  return redis.call('HSET', KEYS[1], 'unknown', '1')
end
return 0";

/// Deletes a claim, if it is this owner's.
/// KEYS: a hash. ARGV: the claim up to the end of its owner.
pub(super) const RELEASE: &str = "\
local claim = redis.call('HGET', KEYS[1], 'claim')
if claim and string.sub(claim, 1, #ARGV[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0";
