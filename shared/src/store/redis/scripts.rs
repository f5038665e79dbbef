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

/// Counts one more, unless the limit is reached. Returns 1 if it was counted.
/// KEYS: a hash. ARGV: now, limit, expiry, seconds until garbage.
pub(super) const COUNT: &str = "\
local row = redis.call('HMGET', KEYS[1], 'n', 'expires_at')
if not row[1] or tonumber(row[2]) <= tonumber(ARGV[1]) then row = {'0', ARGV[3]} end
if tonumber(row[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'n', tonumber(row[1]) + 1, 'expires_at', row[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1";

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
