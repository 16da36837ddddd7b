import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { Clause, PcmChunk } from '#base/media.ts';
import { pronounce } from './flite-child.ts';
import { endsSentence, isSayable, plain } from './flite-text.ts';
import { withPauses } from './pauses.ts';
import type { Tts } from './tts.ts';

/** Hz. Native to every flite voice but `kal` (8 kHz), which ffmpeg resamples. */
const RATE = 16_000;
const SAMPLES_PER_MS = RATE / 1_000;
const DEFAULT_VOICE = 'slt';
/** Each voice with the loudest sample of its own silence, measured: it pads clauses with 130 to 290 ms before and up to 200 ms after. */
const VOICES: Readonly<Record<string, number>> = { slt: 100, kal: 250, awb: 200, rms: 80, kal16: 150 };
/** Silence left around a clause, ms. */
const BEFORE = 40;
const AFTER_SENTENCE = 150;
const AFTER_CLAUSE = 60;

interface Options {
  /** A name on the path (the default: `ffmpeg`), or an absolute path. */
  readonly ffmpeg?: string;
  readonly log: Log;
}

/** Says one clause: its samples, without the closing chunk. */
type Say = (clause: Clause) => AsyncIterable<Int16Array> | Iterable<Int16Array>;

/**
 * The embedded offline English voice: CMU Flite inside ffmpeg, a child per clause, at most two at a time (the clause being read and the next).
 * Yields mono s16 at 16 kHz. Voices: slt (default), kal, awb, rms, kal16.
 * @throws AvatarError `bad_request` for another voice, `provider_failed` when ffmpeg is missing or fails.
 */
export function fliteTts({ ffmpeg = 'ffmpeg', log }: Options): Tts {
  return {
    name: 'flite',
    rate: RATE,
    async *synthesize(clauses, { voice = DEFAULT_VOICE }, signal) {
      const hush = VOICES[voice];
      if (hush === undefined) throw unknownVoice(voice);
      const life = new Lifetime();
      try {
        const folder = await mkdtemp(join(tmpdir(), 'flite-'));
        life.defer(() => rm(folder, { recursive: true, force: true }));
        const say: Say = ({ index, text }) => {
          const words = plain(text);
          if (!isSayable(words)) {
            if (/[\p{L}\p{N}]/u.test(text)) log.warn({ clause: index }, 'flite speaks only Latin letters; a clause stays silent');
            return [];
          }
          const sound = pronounce(words, `${String(index)}.txt`, { ffmpeg, voice, rate: RATE, folder }, life);
          const after = endsSentence(words) ? AFTER_SENTENCE : AFTER_CLAUSE;
          return withPauses(sound, { hush, before: BEFORE * SAMPLES_PER_MS, after: after * SAMPLES_PER_MS });
        };
        yield* oneAhead(clauses, say, life, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        await life.close('no more to say');
      }
    },
  };
}

/** The chunks of each clause in order; the next clause is begun while one is being read. Ends at once when `signal` aborts. */
async function* oneAhead(
  clauses: AsyncIterable<Clause>,
  say: Say,
  life: Lifetime,
  signal: AbortSignal,
): AsyncGenerator<PcmChunk, void> {
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
    for await (const samples of spoken.sound) {
      yield { samples, rate: RATE, start, clause: spoken.clause, endOfClause: false };
      start += samples.length;
    }
    if (life.state !== 'open') return;
    yield { samples: new Int16Array(0), rate: RATE, start, clause: spoken.clause, endOfClause: true };
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

function unknownVoice(voice: string): AvatarError {
  return new AvatarError('bad_request', `There is no voice "${voice}" in flite; it has ${Object.keys(VOICES).join(', ')}.`);
}
