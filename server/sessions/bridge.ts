import { sleep, type Clock } from '#base/clock.ts';
import { aborted } from '#base/lifetime.ts';
import type { Speech } from '#server/media/types.ts';
import type { Pending } from './pending.ts';
import type { StagePort } from './ports.ts';

/** Whoever has spoken and hears nothing for longer than this, ms, wonders whether they were heard. */
const SILENCE = 700;

interface Bridging {
  readonly stage: StagePort;
  readonly clock: Clock;
  /** What is said meanwhile; nothing where it is undefined. */
  filler(): Speech | undefined;
}

/**
 * Who has written sees that it is thought of, and hears something only while the model waits for a tool.
 * Resolves once a reply has its first clause, or is over; where that takes long, a filler is said meanwhile, to its end. It is no part of the reply,
 * and nobody is told that it failed: silence is what there was before. @param over resolves when there will be no clause
 */
export async function bridge(pending: Pending, over: Promise<unknown>, { stage, clock, filler }: Bridging): Promise<void> {
  const { clause, working, abort, timeline, log } = pending;
  const { signal } = abort;
  const done = new AbortController();
  const begun = Promise.race([clause.promise, over, aborted(signal)]).finally(() => done.abort());
  const late = pending.spokenTo
    ? sleep(clock, Math.max(0, SILENCE - (timeline.since('prompt') ?? 0)), done.signal)
    : working.promise.then(() => sleep(clock, SILENCE, done.signal));
  await Promise.race([begun, late]);
  if (done.signal.aborted || signal.aborted) return;
  const speech = filler();
  if (!speech) return begun.then(() => undefined);
  pending.isBridged = true;
  const { error } = await stage.play(speech);
  pending.isBridged = false;
  if (error !== undefined) log.warn({ err: error }, 'a filler could not be said');
  await begun;
}
