"""The Lua scripts of the inboxes, and the keys that they touch.

``inbox:{b}:u``          sorted set of user u, b = u mod 1024: event id -> packed entry, the newest 100. A sorted set
                         makes delivery idempotent by itself: the same entry again changes nothing.
``inbox:label:<d>``      hash of dispatch d: title, state. Once a dispatch, so that a state change is one write.
``inbox:broadcasts``     sorted set of big chunks: event id -> "<event id>|<first user>|<last user>|<users>|<prefix>";
``inbox:broadcast:<e>``  their ascending user ids, 8 bytes each; ``...:scores`` 4 bytes each. Readers search them.
``inbox:newest``         the highest event id delivered; ``inbox:late`` chunks that came after a higher one.
``inbox:floor``          entries below this event id may be missing here (a rebuild reaches back only so far).
``hot:moved``            when another server took over, until what the old one may still have got is written here too.
``inbox:restated``       dispatches whose state was set while a rebuild ran: it must not put an older one back.
``inbox:retitled``       the same for titles.

Every script begins by looking at ``hot:generation``: without it Redis was emptied and what it holds is not complete.
Writers go on under ``hot:rebuild`` too: what they write during a rebuild is part of the new generation; if Redis is
emptied again the next rebuild reads the committed waves from the start.
"""

from typing import Final

from kit.redis import GENERATION_KEY
from kit.redis.generation import REBUILD_KEY

SERVER_KEY: Final = "hot:server"
MOVED_KEY: Final = "hot:moved"
BROADCASTS_KEY: Final = "inbox:broadcasts"
NEWEST_KEY: Final = "inbox:newest"
LATE_KEY: Final = "inbox:late"
FLOOR_KEY: Final = "inbox:floor"
RESTATED_KEY: Final = "inbox:restated"
RETITLED_KEY: Final = "inbox:retitled"
EVENTS_CHANNEL: Final = "inbox:events"

RESET_EVENT: Final = '{"kind":"reset"}'
"""Tells who watches to load everything again."""

BUCKETS: Final = 1024
NOT_READY: Final = -1
LOST: Final = -2
MAX_LATE: Final = 1_000
LABEL_LIFETIME_S: Final = 45 * 24 * 3600


def label_key(dispatch_id: int) -> str:
    """Key of a dispatch's title and state."""
    return f"inbox:label:{dispatch_id}"


def user_key(user_id: int) -> str:
    """Key of a user's entries."""
    return f"inbox:{{{user_id % BUCKETS}}}:{user_id}"


def broadcast_key(event_id: int) -> str:
    """Key of the users of a big chunk."""
    return f"inbox:broadcast:{event_id}"


_WRITABLE: Final = f"""
if redis.call('EXISTS', '{GENERATION_KEY}', '{REBUILD_KEY}') == 0 then return {NOT_READY} end
"""

_OWN_REBUILD: Final = f"""
if redis.call('GET', '{REBUILD_KEY}') ~= ARGV[1] then return {LOST} end
"""

_READABLE: Final = f"""
if redis.call('EXISTS', '{GENERATION_KEY}') == 0 then return {NOT_READY} end
"""

_NOTE_LATE: Final = f"""
local function note_arrival(event)
  local newest = tonumber(redis.call('GET', '{NEWEST_KEY}') or '0')
  if event > newest then
    redis.call('SET', '{NEWEST_KEY}', string.format('%.0f', event))
  elseif event < newest then
    redis.call('ZADD', '{LATE_KEY}', newest, string.format('%.0f:%.0f', event, newest))
    redis.call('ZREMRANGEBYRANK', '{LATE_KEY}', 0, -{MAX_LATE + 1})
  end
end
"""

_ADD_ENTRIES: Final = f"""
local function add_entries(event, prefix, users_json, scores_json, most)
  local users, scores, added = cjson.decode(users_json), cjson.decode(scores_json), 0
  local is_newest = tonumber(event) >= tonumber(redis.call('GET', '{NEWEST_KEY}') or '0')
  for i = 1, #users do
    local user, entry = users[i], prefix .. scores[i]
    local key = string.format('inbox:{{%d}}:%.0f', user % {BUCKETS}, user)
    if redis.call('ZADD', key, event, entry) == 1 then
      added = added + 1
      -- An old entry may be the one that falls off again: then nobody was told.
      if redis.call('ZREMRANGEBYRANK', key, 0, -most - 1) > 0 and not is_newest
        and not redis.call('ZSCORE', key, entry) then added = added - 1 end
    end
  end
  return added
end
"""

DELIVER: Final = (
    _WRITABLE
    + _NOTE_LATE
    + _ADD_ENTRIES
    + f"""
-- KEYS: label. ARGV: event id, prefix, users, scores, entries a user, title, state, rest of the published object.
local added = add_entries(ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]))
redis.call('HSETNX', KEYS[1], 'title', ARGV[6])
redis.call('HSETNX', KEYS[1], 'state', ARGV[7])
redis.call('EXPIRE', KEYS[1], {LABEL_LIFETIME_S})
if added > 0 then
  note_arrival(tonumber(ARGV[1]))
  redis.call('PUBLISH', '{EVENTS_CHANNEL}', '{{"users":' .. ARGV[3] .. ',"scores":' .. ARGV[4] .. ',' .. ARGV[8])
end
return added
"""
)
"""One part of a chunk, at most 500 users; returns how many were not told before."""

BROADCAST: Final = (
    _WRITABLE
    + _NOTE_LATE
    + f"""
-- KEYS: label, ids, scores. ARGV: event id, description, ids, scores, title, state, published object.
redis.call('HSETNX', KEYS[1], 'title', ARGV[5])
redis.call('HSETNX', KEYS[1], 'state', ARGV[6])
redis.call('EXPIRE', KEYS[1], {LABEL_LIFETIME_S})
redis.call('SET', KEYS[2], ARGV[3])
redis.call('SET', KEYS[3], ARGV[4])
local added = redis.call('ZADD', '{BROADCASTS_KEY}', ARGV[1], ARGV[2])
if added > 0 then
  note_arrival(tonumber(ARGV[1]))
  redis.call('PUBLISH', '{EVENTS_CHANNEL}', ARGV[7])
end
return added
"""
)
"""A big chunk: written once, found by its readers; returns 1 when it was not there before."""

FORGET_BROADCAST: Final = f"""
-- KEYS: ids, scores. ARGV: description.
redis.call('ZREM', '{BROADCASTS_KEY}', ARGV[1])
redis.call('DEL', KEYS[1], KEYS[2])
return 1
"""

RESTORE: Final = (
    _OWN_REBUILD
    + _ADD_ENTRIES
    + """
-- ARGV: token, entries a user, then for each chunk part: event id, prefix, users, scores.
local added = 0
for i = 3, #ARGV, 4 do
  added = added + add_entries(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[2]))
end
return added
"""
)
"""As DELIVER for a rebuild: no event, no label, only while the claim ``token`` is held."""

RESTORE_LABELS: Final = (
    _OWN_REBUILD
    + f"""
-- ARGV: token, then for each dispatch: id, title, state.
for i = 2, #ARGV, 3 do
  local key = 'inbox:label:' .. ARGV[i]
  if redis.call('SISMEMBER', '{RETITLED_KEY}', ARGV[i]) == 0 then redis.call('HSET', key, 'title', ARGV[i + 1]) end
  if redis.call('SISMEMBER', '{RESTATED_KEY}', ARGV[i]) == 0 then redis.call('HSET', key, 'state', ARGV[i + 2]) end
  redis.call('EXPIRE', key, {LABEL_LIFETIME_S})
end
return 0
"""
)

BEGIN_RESTORE: Final = (
    _OWN_REBUILD
    + f"""
-- Labels set from now on are newer than what the rebuild will read.
redis.call('DEL', '{RESTATED_KEY}', '{RETITLED_KEY}')
return 0
"""
)

FINISH_RESTORE: Final = (
    _OWN_REBUILD
    + f"""
-- ARGV: token, floor, server, newest event id, generation.
redis.call('SET', '{FLOOR_KEY}', ARGV[2])
redis.call('SET', '{SERVER_KEY}', ARGV[3])
if tonumber(ARGV[4]) > tonumber(redis.call('GET', '{NEWEST_KEY}') or '0') then
  redis.call('SET', '{NEWEST_KEY}', ARGV[4])
end
redis.call('SET', '{GENERATION_KEY}', ARGV[5])
redis.call('DEL', '{REBUILD_KEY}', '{RESTATED_KEY}', '{RETITLED_KEY}')
redis.call('PUBLISH', '{EVENTS_CHANNEL}', '{RESET_EVENT}')
return 0
"""
)
"""Marks Redis complete, in one step with what belongs to the mark."""

SET_STATE: Final = (
    _WRITABLE
    + f"""
-- KEYS: label. ARGV: dispatch id, state.
if redis.call('EXISTS', '{REBUILD_KEY}') == 1 then redis.call('SADD', '{RESTATED_KEY}', ARGV[1]) end
redis.call('HSET', KEYS[1], 'state', ARGV[2])
redis.call('EXPIRE', KEYS[1], {LABEL_LIFETIME_S})
redis.call('PUBLISH', '{EVENTS_CHANNEL}',
  '{{"kind":"state","dispatch_id":' .. ARGV[1] .. ',"state":' .. cjson.encode(ARGV[2]) .. '}}')
return 0
"""
)

SET_TITLE: Final = (
    _WRITABLE
    + f"""
-- KEYS: label. ARGV: dispatch id, title.
if redis.call('EXISTS', '{REBUILD_KEY}') == 1 then redis.call('SADD', '{RETITLED_KEY}', ARGV[1]) end
redis.call('HSET', KEYS[1], 'title', ARGV[2])
redis.call('EXPIRE', KEYS[1], {LABEL_LIFETIME_S})
redis.call('PUBLISH', '{EVENTS_CHANNEL}',
  '{{"kind":"title","dispatch_id":' .. ARGV[1] .. ',"title":' .. cjson.encode(ARGV[2]) .. '}}')
return 0
"""
)

_SEARCH: Final = """
local function search(event, count, user)
  local key, low, high = 'inbox:broadcast:' .. event, 0, count - 1
  while low <= high do
    local middle = math.floor((low + high) / 2)
    local found = struct.unpack('<I8', redis.call('GETRANGE', key, middle * 8, middle * 8 + 7))
    if found == user then
      local score = redis.call('GETRANGE', key .. ':scores', middle * 4, middle * 4 + 3)
      return struct.unpack('<i4', score)
    elseif found < user then low = middle + 1
    else high = middle - 1 end
  end
  return nil
end
"""

READ: Final = (
    _READABLE
    + _SEARCH
    + f"""
-- ARGV: user's key, user id. Returns floor, event id, packed entry, event id, packed entry, ...
local found = redis.call('ZREVRANGE', ARGV[1], 0, -1, 'WITHSCORES')
local answer, user = {{redis.call('GET', '{FLOOR_KEY}') or '0'}}, tonumber(ARGV[2])
for i = 1, #found, 2 do
  answer[#answer + 1] = found[i + 1]
  answer[#answer + 1] = found[i]
end
for _, description in ipairs(redis.call('ZRANGE', '{BROADCASTS_KEY}', 0, -1)) do
  local event, first, last, count, prefix = string.match(description, '^(%d+)|(%d+)|(%d+)|(%d+)|(.*)$')
  if user >= tonumber(first) and user <= tonumber(last) then
    local score = search(event, tonumber(count), user)
    if score then
      answer[#answer + 1] = event
      answer[#answer + 1] = prefix .. string.format('%.0f', score)
    end
  end
end
return answer
"""
)
"""All entries of one user, at most 100 of his own and those of broadcasts, in no common order."""

LATE_ARRIVALS: Final = f"""
-- ARGV: event id that a client has seen. Returns ids of chunks below it that may have arrived after it.
local answer, seen = {{}}, tonumber(ARGV[1])
for _, pair in ipairs(redis.call('ZRANGEBYSCORE', '{LATE_KEY}', ARGV[1], '+inf')) do
  local event = string.match(pair, '^(%d+):')
  if tonumber(event) < seen then answer[#answer + 1] = event end
end
return answer
"""

FIND_IN_BROADCAST: Final = (
    _SEARCH
    + """
-- ARGV: event id, count, users as JSON. Returns for each user the score, or an empty string.
local answer = {}
if redis.call('EXISTS', 'inbox:broadcast:' .. ARGV[1]) == 0 then return answer end
for i, user in ipairs(cjson.decode(ARGV[3])) do
  local score = search(ARGV[1], tonumber(ARGV[2]), user)
  answer[i] = score and string.format('%.0f', score) or ''
end
return answer
"""
)
