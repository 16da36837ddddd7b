import { z } from 'zod';
import { sleep, type Clock } from '#base/clock.ts';
import { asAvatarError } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { BusLimits, Claim, Work } from '../bus.ts';
import type { Client, Connection } from './connection.ts';
import { GROUP, NOBODY, type Keys } from './keys.ts';
import { LET_GO } from './scripts.ts';

/** How long a taker waits for new work before it looks for what others left, ms. */
const LOOK_EVERY = 200;
/** Between attempts while something is wrong, ms; up to twice as much. */
const PAUSE = 250;

const Entries = z.array(z.tuple([z.string(), z.array(z.string()).nullable()]));
const Read = z.tuple([z.tuple([z.string(), Entries])]).nullable();
const Pending = z.array(z.tuple([z.string(), z.string(), z.number(), z.number()]));

interface Found {
  readonly entry: string;
  readonly work: Work;
  readonly tries: number;
}

/** What taking needs: `reader` blocks while it waits, so it is the taker's own; `bus` is for the rest. */
export interface Taking {
  readonly keys: Keys;
  readonly taker: string;
  readonly reader: Connection;
  readonly bus: Connection;
  readonly limits: BusLimits;
  readonly clock: Clock;
  readonly log: Log;
}

/** Work as it can be had, what others left first; as docs/frame-link.md says it, in plain commands. */
export async function* claims(taking: Taking, over: AbortSignal): AsyncGenerator<Claim, void, undefined> {
  const { reader, clock, log } = taking;
  // Read anew after each wait.
  const isOver = (): boolean => over.aborted;
  let isTroubled = false;
  while (!isOver()) {
    try {
      const found = await reader.call('take', (redis) => next(redis, taking), LOOK_EVERY);
      isTroubled = false;
      if (!found) continue;
      const claim = claimOf(found, taking);
      if (isOver()) await claim.handBack('uncounted');
      else yield claim;
    } catch (error) {
      const { message, details } = asAvatarError(error);
      // That it can't be reached is told by its connection.
      if (!isTroubled && details?.['kind'] !== 'unreachable' && !isOver()) log.warn({ details }, message);
      isTroubled = true;
      await sleep(clock, PAUSE * (1 + Math.random()), over);
    }
  }
}

async function next(redis: Client, taking: Taking): Promise<Found | undefined> {
  try {
    return (await leftBehind(redis, taking)) ?? (await fresh(redis, taking));
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOGROUP')) throw error;
    // Nothing was ever put, or Redis lost its memory.
    await createGroup(redis, taking.keys);
    return undefined;
  }
}

async function createGroup(redis: Client, { work }: Keys): Promise<void> {
  await redis.xgroup('CREATE', work, GROUP, '0', 'MKSTREAM').catch((error: unknown) => {
    if (!(error instanceof Error) || !error.message.startsWith('BUSYGROUP')) throw error;
  });
}

async function leftBehind(redis: Client, { keys, taker, limits }: Taking): Promise<Found | undefined> {
  const { claimAfter, maxTries } = limits;
  for (;;) {
    const [left] = Pending.parse(await redis.xpending(keys.work, GROUP, 'IDLE', claimAfter, '-', '+', 1));
    if (!left) return undefined;
    const [entry, , , tries] = left;
    if (tries >= maxTries) {
      const [kept] = Entries.parse(await redis.xrange(keys.work, entry, entry));
      const { id } = workOf(entry, kept?.[1] ?? []);
      await redis.busRelease(keys.work, keys.id(id), keys.parked, claimAfter, maxTries);
      // Nothing of it is left in the stream.
      if (!kept) await redis.xack(keys.work, GROUP, entry);
      continue;
    }
    const [claimed] = Entries.parse(await redis.xclaim(keys.work, GROUP, taker, claimAfter, entry));
    // Else another was faster.
    if (claimed?.[1]) return { entry, work: workOf(entry, claimed[1]), tries: tries + 1 };
  }
}

async function fresh(redis: Client, { keys, taker }: Taking): Promise<Found | undefined> {
  const reply = await redis.xreadgroup('GROUP', GROUP, taker, 'COUNT', 1, 'BLOCK', LOOK_EVERY, 'STREAMS', keys.work, '>');
  const [first] = Read.parse(reply)?.[0][1] ?? [];
  return first && { entry: first[0], work: workOf(first[0], first[1] ?? []), tries: 1 };
}

function claimOf({ entry, work, tries }: Found, { keys, taker, bus }: Taking): Claim {
  const isMine = async (redis: Client): Promise<boolean> =>
    Pending.parse(await redis.xpending(keys.work, GROUP, entry, entry, 1, taker)).length > 0;
  return {
    ...work,
    tries,
    keep: () =>
      bus.call('keep', async (redis) => {
        if (!(await isMine(redis))) return false;
        await redis.xclaim(keys.work, GROUP, taker, 0, entry, 'JUSTID');
        return true;
      }),
    done: () =>
      bus.call('finish', async (redis) => {
        if (await isMine(redis)) await redis.multi().xack(keys.work, GROUP, entry).xdel(keys.work, entry).exec();
      }),
    handBack: (how) =>
      bus.call('hand back', async (redis) => {
        if (!(await isMine(redis))) return;
        const count = tries - (how === 'uncounted' ? 1 : 0);
        await redis.xclaim(keys.work, GROUP, NOBODY, 0, entry, 'IDLE', LET_GO, 'RETRYCOUNT', count, 'JUSTID');
      }),
  };
}

function workOf(entry: string, fields: readonly string[]): Work {
  const named = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) named.set(fields[at] ?? '', fields[at + 1] ?? '');
  return { id: named.get('id') ?? entry, traceId: named.get('traceId') ?? '', body: parsed(named.get('body')) };
}

/** Undefined for what is no JSON: whoever parses it by a schema refuses it. */
export function parsed(text: string | null | undefined): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
