import { expect, it } from 'vitest';
import { busError, kindOf, textOf } from './failures.ts';

it.each([
  ['WRONGPASS invalid username-password pair or user is disabled.', 'refused'],
  ['NOAUTH Authentication required.', 'refused'],
  ["NOPERM this user has no permissions to run the 'xadd' command", 'refused'],
  ['ERR DB index is out of range', 'refused'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'full'],
  ['MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.', 'full'],
  ["READONLY You can't write against a read only replica.", 'busy'],
  ['LOADING Redis is loading the dataset in memory', 'busy'],
  ['Command timed out', 'timeout'],
  ['connect ETIMEDOUT', 'timeout'],
  ['connect ECONNREFUSED 127.0.0.1:6379', 'unreachable'],
  ['getaddrinfo ENOTFOUND redis', 'unreachable'],
  ['Connection is closed.', 'unreachable'],
  ["Stream isn't writeable and enableOfflineQueue options is false", 'unreachable'],
  ['Reached the max retries per request limit (which is 0).', 'unreachable'],
  ['WRONGTYPE Operation against a key holding the wrong kind of value', 'other'],
])('%s → %s', (message, kind) => {
  expect(kindOf(new Error(message))).toBe(kind);
});

it('says what several addresses of one name have in common', () => {
  const error = Object.assign(new AggregateError([new Error('v6'), new Error('v4')]), { code: 'ECONNREFUSED' });
  expect([kindOf(error), textOf(error)]).toEqual(['unreachable', 'ECONNREFUSED']);
});

it('never repeats what was asked, nor an address with its password', () => {
  const error = Object.assign(new Error('no way to redis://ada:hush@host:6379'), { command: { name: 'auth', args: ['hush'] } });
  const told = busError('answer', kindOf(error), textOf(error));
  expect(JSON.stringify([told, told.message, told.cause])).not.toContain('hush');
});
