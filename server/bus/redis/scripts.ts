import { GROUP, NOBODY } from './keys.ts';

/** How long an id is remembered, s: within it, putting its work again does nothing. */
const REMEMBERED = 86_400;
/** Streams that only tell keep about so many entries. */
const KEPT = 1_000;
/** Work that is counted one by one, at most. */
const COUNTED = 1_000;

/** Idle for as long as this, work is anybody's. */
export const LET_GO = 86_400_000;

/** Whether a record of an id is that of an entry, and not of how it ended. */
const IS_ENTRY = `local function isEntry(record) return record and string.find(record, '-', 1, true) end`;

/** KEYS work, id; ARGV id, traceId, body */
const put = `
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local isNew = redis.call('EXISTS', KEYS[1]) == 0
local entry = redis.call('XADD', KEYS[1], '*', 'id', ARGV[1], 'traceId', ARGV[2], 'body', ARGV[3])
redis.call('SET', KEYS[2], entry, 'EX', ${REMEMBERED})
if isNew then redis.pcall('XGROUP', 'CREATE', KEYS[1], '${GROUP}', '0') end
return 1`;

/** KEYS work, id; ARGV claimAfter → state, then ahead, or taker and tries */
const standing = `
${IS_ENTRY}
local entry = redis.call('GET', KEYS[2])
if entry == 'parked' then return {'parked'} end
if not isEntry(entry) or #redis.call('XRANGE', KEYS[1], entry, entry) == 0 then return {'gone'} end
local held = redis.pcall('XPENDING', KEYS[1], '${GROUP}', entry, entry, 1)
if held.err then return {'waiting', #redis.call('XRANGE', KEYS[1], '-', '(' .. entry, 'COUNT', ${COUNTED})} end
if held[1] and held[1][3] < tonumber(ARGV[1]) then return {'taken', held[1][2], held[1][4]} end
local ahead = #redis.call('XPENDING', KEYS[1], '${GROUP}', 'IDLE', ARGV[1], '-', '(' .. entry, ${COUNTED})
if held[1] then return {'waiting', ahead} end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local about = {}
  for at = 1, #group, 2 do about[group[at]] = group[at + 1] end
  if about.name == '${GROUP}' then
    ahead = ahead + #redis.call('XRANGE', KEYS[1], '(' .. about['last-delivered-id'], '(' .. entry, 'COUNT', ${COUNTED})
  end
end
return {'waiting', ahead}`;

/** KEYS work, parked; ARGV claimAfter → waiting, taken, parked */
const depth = `
local pending, left = redis.pcall('XPENDING', KEYS[1], '${GROUP}'), 0
if pending.err then pending = {0} end
if pending[1] > 0 then left = #redis.call('XPENDING', KEYS[1], '${GROUP}', 'IDLE', ARGV[1], '-', '+', ${COUNTED}) end
local taken = pending[1] - left
return {redis.call('XLEN', KEYS[1]) - taken, taken, redis.call('XLEN', KEYS[2])}`;

/** KEYS work, id, parked; ARGV least ms it must have been idle, maxTries, whose it must be or nothing: parks what was tried too often, gives the rest to nobody. */
const release = `
${IS_ENTRY}
local entry = redis.call('GET', KEYS[2])
if not isEntry(entry) then return 0 end
local held = redis.pcall('XPENDING', KEYS[1], '${GROUP}', 'IDLE', ARGV[1], entry, entry, 1)
if held.err or not held[1] or (ARGV[3] or held[1][2]) ~= held[1][2] then return 0 end
local found = redis.call('XRANGE', KEYS[1], entry, entry)[1]
if found and held[1][4] < tonumber(ARGV[2]) then
  redis.call('XCLAIM', KEYS[1], '${GROUP}', '${NOBODY}', 0, entry, 'IDLE', ${LET_GO}, 'JUSTID')
  return 1
end
if found then
  local fields = found[2]
  for _, more in ipairs({'tries', held[1][4], 'taker', held[1][2]}) do fields[#fields + 1] = more end
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ${KEPT}, '*', unpack(fields))
  redis.call('SET', KEYS[2], 'parked', 'EX', ${REMEMBERED})
end
redis.call('XACK', KEYS[1], '${GROUP}', entry)
redis.call('XDEL', KEYS[1], entry)
return 2`;

/** KEYS work, id, cancelled; ARGV id */
const cancel = `
${IS_ENTRY}
local entry = redis.call('GET', KEYS[2])
if isEntry(entry) then
  redis.pcall('XACK', KEYS[1], '${GROUP}', entry)
  redis.call('XDEL', KEYS[1], entry)
end
if entry ~= 'parked' then redis.call('SET', KEYS[2], 'cancelled', 'EX', ${REMEMBERED}) end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ${KEPT}, '*', 'id', ARGV[1])
return 1`;

/** KEYS work, takers, its presence; ARGV taker: forgets a taker who is gone, unless work of it is still to be given to another. */
const forget = `
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
local its = redis.pcall('XPENDING', KEYS[1], '${GROUP}', '-', '+', 1, ARGV[1])
if not its.err and its[1] then return 0 end
if not its.err then redis.pcall('XGROUP', 'DELCONSUMER', KEYS[1], '${GROUP}', ARGV[1]) end
return redis.call('SREM', KEYS[2], ARGV[1])`;

/** What has to happen as one; each is sent once and then named by its hash. */
export const SCRIPTS = {
  busPut: { lua: put, numberOfKeys: 2 },
  busStanding: { lua: standing, numberOfKeys: 2 },
  busDepth: { lua: depth, numberOfKeys: 2 },
  busRelease: { lua: release, numberOfKeys: 3 },
  busCancel: { lua: cancel, numberOfKeys: 3 },
  busForget: { lua: forget, numberOfKeys: 3 },
} as const;

export type Scripts = Readonly<Record<keyof typeof SCRIPTS, (...keysAndArgs: (string | number)[]) => Promise<unknown>>>;
