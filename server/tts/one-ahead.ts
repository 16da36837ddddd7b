import { Lifetime } from '#base/lifetime.ts';
import type { Clause, PcmChunk } from '#base/media.ts';

/** Some of a clause's sound, as it is given out. */
export type Piece = Pick<PcmChunk, 'samples' | 'characters'>;

/** Says one clause: its pieces in order, without the closing chunk. */
export type Say = (clause: Clause) => AsyncIterable<Piece> | Iterable<Piece>;

interface Manner {
  /** Hz. */
  readonly rate: number;
  readonly signal: AbortSignal;
}

/**
 * The chunks of each clause in order; the next clause is begun while one is being read. Ends quietly and at once when `signal` aborts.
 * @param begin is given the life of the whole: what it acquires ends with it
 */
export async function* oneAhead(
  clauses: AsyncIterable<Clause>,
  manner: Manner,
  begin: (life: Lifetime) => Say | Promise<Say>,
): AsyncGenerator<PcmChunk, void, undefined> {
  const life = new Lifetime();
  try {
    yield* speakAll(clauses, await begin(life), life, manner);
  } catch (error) {
    if (!manner.signal.aborted) throw error;
  } finally {
    await life.close('no more to say');
  }
}

async function* speakAll(
  clauses: AsyncIterable<Clause>,
  say: Say,
  life: Lifetime,
  { rate, signal }: Manner,
): AsyncGenerator<PcmChunk, void, undefined> {
  const source = clauses[Symbol.asyncIterator]();
  // Not awaited: a source that is waiting for its own next clause would hold up the end.
  life.defer(() => void Promise.resolve(source.return?.()).catch(() => undefined));
  const stopped = stop(life, signal);
  const begin = async (): Promise<{ clause: Clause; sound: ReturnType<Say> } | undefined> => {
    const item = await source.next();
    if (item.done || life.state !== 'open') return undefined;
    return { clause: item.value, sound: say(item.value) };
  };
  for (let next = begin(); ;) {
    const spoken = await Promise.race([next, stopped]);
    if (!spoken) return;
    next = begin();
    // It is awaited only after this clause.
    next.catch(() => undefined);
    let start = 0;
    for await (const piece of spoken.sound) {
      yield { ...piece, rate, start, clause: spoken.clause, endOfClause: false };
      start += piece.samples.length;
    }
    if (life.state !== 'open') return;
    yield { samples: new Int16Array(0), rate, start, clause: spoken.clause, endOfClause: true };
  }
}

/** Closes `life` when `signal` aborts, and resolves then. */
function stop(life: Lifetime, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const abort = (): void => {
      resolve(undefined);
      // Whoever closes it last hears of errors.
      life.close('aborted').catch(() => undefined);
    };
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    life.defer(() => signal.removeEventListener('abort', abort));
  });
}
