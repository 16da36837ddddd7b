import { expect, it } from 'vitest';
import { failureOfError, failureOfStatus, retryAfterOf } from './failure.ts';
import { TooLate } from './timed.ts';

it('reads Retry-After as seconds and as a date, and nothing else', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  expect(retryAfterOf('3', now)).toBe(3_000);
  expect(retryAfterOf('0.5', now)).toBe(500);
  expect(retryAfterOf('Sun, 01 Mar 2026 12:00:02 GMT', now)).toBe(2_000);
  expect(retryAfterOf('Sun, 01 Mar 2026 11:00:00 GMT', now)).toBe(0);
  for (const nothing of ['', 'soon', null, undefined]) expect(retryAfterOf(nothing, now)).toBeUndefined();
});

it.each([
  [401, 'invalid_api_key', 'wrong_key'],
  [401, 'quota_exceeded', 'quota'],
  [402, '', 'quota'],
  [403, '', 'wrong_key'],
  [404, '', 'not_found'],
  [400, '', 'refused'],
  [422, '', 'refused'],
  [408, '', 'overloaded'],
  [429, '', 'rate_limited'],
  [429, 'insufficient_quota', 'quota'],
  [500, '', 'overloaded'],
  [529, '', 'overloaded'],
])('%i %s is %s', (status, detail, kind) => {
  expect(failureOfStatus({ status, detail, retryAfter: undefined }).kind).toBe(kind);
});

it('tells what broke from when it broke', () => {
  const refused = new Error('fetch failed', { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) });
  expect(failureOfError(refused, false)).toEqual({ kind: 'unreachable', because: 'there is no connection (ECONNREFUSED)' });
  expect(failureOfError(refused, true).kind).toBe('cut');
  expect(failureOfError(new TypeError('terminated'), false).kind).toBe('cut');
  expect(failureOfError(new SyntaxError('x'), true).kind).toBe('garbage');
  expect(failureOfError(new TooLate('between', 300), true)).toEqual({ kind: 'timeout', because: 'it fell silent for 300 ms' });
});
