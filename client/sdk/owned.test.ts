import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Owned } from './owned.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('lets everything go once, last first', () => {
  const owned = new Owned();
  const said: string[] = [];
  owned.defer(() => said.push('first'));
  owned.defer(() => said.push('second'));
  const release = owned.defer(() => said.push('early'));
  release();
  owned.close();
  owned.close();
  expect(said).toEqual(['early', 'second', 'first']);
  expect(owned.signal.aborted).toBe(true);
});

it('ends its timers and listeners', () => {
  const owned = new Owned();
  const heard = vi.fn();
  const target = new EventTarget();
  owned.after(100, heard);
  owned.every(10, heard);
  owned.listen(target, 'ping', heard);
  owned.close();
  target.dispatchEvent(new Event('ping'));
  vi.advanceTimersByTime(1_000);
  expect(heard).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});

it('releases at once what comes after the end', () => {
  const owned = new Owned();
  owned.close();
  const release = vi.fn();
  owned.defer(release);
  owned.after(1, release);
  expect(release).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});
