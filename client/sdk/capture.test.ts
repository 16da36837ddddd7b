import { expect, test } from 'vitest';
import { CaptureError, levelOf, problemOf } from './capture.ts';

const sine = (amplitude: number): Float32Array =>
  Float32Array.from({ length: 1_024 }, (_, at) => amplitude * Math.sin((2 * Math.PI * 300 * at) / 48_000));

test('a meter stands at the bottom in a quiet room, in the middle for a voice, at the top for a shout', () => {
  expect(levelOf(new Float32Array(1_024))).toBe(0);
  expect(levelOf(sine(0.001))).toBe(0);
  expect(levelOf(sine(0.05))).toBeGreaterThan(0.4);
  expect(levelOf(sine(0.05))).toBeLessThan(0.7);
  expect(levelOf(sine(1))).toBe(1);
});

test.each([
  ['NotAllowedError', 'denied'],
  ['NotFoundError', 'no_device'],
  ['OverconstrainedError', 'no_device'],
  ['NotReadableError', 'busy'],
  ['TypeError', 'unsupported'],
])('%s of getUserMedia is told as %s', (name, problem) => {
  expect(problemOf(Object.assign(new Error('x'), { name }))).toBe(problem);
});

test('what is known stays known', () => {
  expect(problemOf(new CaptureError('unplugged'))).toBe('unplugged');
});
