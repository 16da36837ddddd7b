import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AvatarError } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { pronounce } from './flite-child.ts';
import { endsSentence, isSayable, plain } from './flite-text.ts';
import { oneAhead, type Piece } from './one-ahead.ts';
import { withPauses } from './pauses.ts';
import type { Tts } from './tts.ts';

/** Hz. Native to every flite voice but `kal` (8 kHz), which ffmpeg resamples. */
const RATE = 16_000;
const SAMPLES_PER_MS = RATE / 1_000;
const DEFAULT_VOICE = 'slt';
/** Each voice with the loudest sample of its own silence, measured: it pads clauses with 130 to 290 ms before and up to 200 ms after. */
const VOICES: Readonly<Record<string, number>> = { slt: 100, kal: 250, awb: 200, rms: 80, kal16: 150 };
/** Where there is such a folder, what is to be said is put into memory, so that a full disk takes nobody's voice. */
const MEMORY = '/dev/shm';
/** Silence left around a clause, ms. */
const BEFORE = 40;
const AFTER_SENTENCE = 150;
const AFTER_CLAUSE = 60;

interface Options {
  /** A name on the path (the default: `ffmpeg`), or an absolute path. */
  readonly ffmpeg?: string;
  /** Where texts lie while they are read, if it is there; else in the system's temporary folder. Default: in memory. */
  readonly folder?: string;
  readonly log: Log;
}

/**
 * The embedded offline English voice: CMU Flite inside ffmpeg, a child per clause, at most two at a time (the clause being read and the next).
 * Yields mono s16 at 16 kHz. Voices: slt (default), kal, awb, rms, kal16.
 * @throws AvatarError `bad_request` for another voice, `provider_failed` when ffmpeg is missing or fails.
 */
export function fliteTts({ ffmpeg = 'ffmpeg', folder: wanted = MEMORY, log }: Options): Tts {
  return {
    name: 'flite',
    rate: RATE,
    async *synthesize(clauses, { voice = DEFAULT_VOICE }, signal) {
      const hush = VOICES[voice];
      if (hush === undefined) throw unknownVoice(voice);
      yield* oneAhead(clauses, { rate: RATE, signal }, async (life) => {
        const folder = await mkdtemp(join(wanted, 'flite-')).catch(() => mkdtemp(join(tmpdir(), 'flite-')));
        life.defer(() => rm(folder, { recursive: true, force: true }));
        return ({ index, text }) => {
          const words = plain(text);
          if (!isSayable(words)) {
            if (/[\p{L}\p{N}]/u.test(text)) log.warn({ clause: index }, 'flite speaks only Latin letters; a clause stays silent');
            return [];
          }
          const sound = pronounce(words, `${String(index)}.txt`, { ffmpeg, voice, rate: RATE, folder }, life);
          const after = endsSentence(words) ? AFTER_SENTENCE : AFTER_CLAUSE;
          return pieces(withPauses(sound, { hush, before: BEFORE * SAMPLES_PER_MS, after: after * SAMPLES_PER_MS }));
        };
      });
    },
  };
}

async function* pieces(sound: AsyncIterable<Int16Array>): AsyncGenerator<Piece, void, undefined> {
  for await (const samples of sound) yield { samples };
}

function unknownVoice(voice: string): AvatarError {
  return new AvatarError('bad_request', `There is no voice "${voice}" in flite; it has ${Object.keys(VOICES).join(', ')}.`);
}
