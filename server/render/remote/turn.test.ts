import { expect, test } from 'vitest';
import type { WorkerPresence } from '#protocol/lease.ts';
import { turnOf } from './turn.ts';

const worker = (own: Partial<WorkerPresence> = {}): WorkerPresence => ({
  v: 1,
  engine: 'e',
  geometry: { freshFrames: 72, overlapFrames: 9, lookAheadFrames: 2 },
  sizes: [{ width: 512, height: 512, clipMs: 1_000 }],
  state: 'ready',
  leases: 0,
  capacity: 1,
  freeInMs: 0,
  leaseMs: 10_000,
  ...own,
});
const busy = (freeInMs: number): WorkerPresence => worker({ leases: 1, freeInMs });

test.each<[string, number, WorkerPresence[], number | undefined]>([
  ['a free worker', 0, [worker()], 0],
  ['a busy worker', 0, [busy(4_000)], 4_000],
  ['one before it at a free worker', 1, [worker()], 10_000],
  ['two before it at a busy worker', 2, [busy(4_000)], 24_000],
  ['one before it at two workers', 1, [busy(4_000), busy(7_000)], 7_000],
  ['room for several', 1, [worker({ capacity: 3 })], 0],
  ['more than there is room for', 3, [worker({ capacity: 3 })], 10_000],
  ['nobody', 0, [], undefined],
  ['somebody who is being loaded, or leaves', 0, [worker({ state: 'loading' }), worker({ state: 'draining' })], undefined],
])('the time until its turn, with %s', (_, ahead, workers, inMs) => {
  expect(turnOf(ahead, workers).inMs).toBe(inMs);
});

test('says in words what is waited for', () => {
  expect(turnOf(0, [worker()]).why).toBe('the next free GPU is for this answer');
  expect(turnOf(1, [worker()]).why).toBe('1 answer waits for a GPU before this one');
  expect(turnOf(2, [worker()]).why).toBe('2 answers wait for a GPU before this one');
  expect(turnOf(0, []).why).toBe('no GPU worker is there');
  expect(turnOf(0, [worker({ state: 'loading' })]).why).toBe('the GPU worker is still being loaded');
});
