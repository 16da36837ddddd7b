import { setImmediate } from 'node:timers/promises';
import { AvatarError } from '#base/errors.ts';
import {
  EAR_RATE,
  FPS,
  RENDERER_RATE,
  RENDERER_SAMPLES_PER_FRAME,
  TICKS_PER_FRAME,
  type Clause,
  type PcmChunk,
} from '#base/media.ts';
import { concat, createResampler, type Resampler } from './resample.ts';

/** Sound is worked on in parts of so many frames, about 1 ms of work each, so that packets on air never wait for it. */
const PART_FRAMES = 12;

/** The same whole frames of voice at both rates: `ear.length === 3 × renderer.length`, mono s16. */
export interface VoiceChunk {
  /** 48 kHz, 1,920 samples per frame. */
  readonly ear: Int16Array;
  /** 16 kHz, 640 samples per frame. */
  readonly renderer: Int16Array;
  readonly clause: Clause;
  /** True on the last chunk of its clause, which may be empty. */
  readonly endOfClause: boolean;
}

/**
 * Brings a provider's sound to the ear's rate and the renderer's, each by one resampling, and pads every clause with silence to whole
 * frames, so that clauses lie on the frame grid. A clause without sound stays without. Sound at another rate than declared → `provider_failed`.
 */
export async function* hear(pcm: AsyncIterable<PcmChunk>, rate: number): AsyncGenerator<VoiceChunk, void, undefined> {
  const ear = createBranch(rate, EAR_RATE, TICKS_PER_FRAME);
  const renderer = createBranch(rate, RENDERER_RATE, RENDERER_SAMPLES_PER_FRAME);
  let heard = 0;
  try {
    for await (const chunk of inParts(pcm)) {
      if (chunk.rate !== rate) throw wrongRate(chunk.rate, rate);
      const samples = chunk.endOfClause ? padded(chunk.samples, heard, rate / FPS) : chunk.samples;
      heard = chunk.endOfClause ? 0 : heard + samples.length;
      ear.push(samples, chunk.endOfClause);
      renderer.push(samples, chunk.endOfClause);
      const frames = Math.min(ear.frames, renderer.frames);
      if (frames === 0 && !chunk.endOfClause) continue;
      yield { ear: ear.take(frames), renderer: renderer.take(frames), clause: chunk.clause, endOfClause: chunk.endOfClause };
    }
  } finally {
    ear.close();
    renderer.close();
  }
}

/** Chunks of any length as short ones, with a turn of the event loop after each. */
async function* inParts(pcm: AsyncIterable<PcmChunk>): AsyncGenerator<PcmChunk, void, undefined> {
  for await (const chunk of pcm) {
    const length = (PART_FRAMES * chunk.rate) / FPS;
    let at = 0;
    for (; at + length < chunk.samples.length; at += length) {
      yield { ...chunk, samples: chunk.samples.subarray(at, at + length), start: chunk.start + at, endOfClause: false };
      await setImmediate();
    }
    yield { ...chunk, samples: chunk.samples.subarray(at), start: chunk.start + at };
  }
}

/** One rate's way: resampled sound waiting until its frame is whole. */
interface Branch {
  readonly frames: number;
  push(samples: Int16Array, endOfRun: boolean): void;
  take(frames: number): Int16Array;
  close(): void;
}

function createBranch(from: number, to: number, frameLength: number): Branch {
  const resampler: Resampler = createResampler(from, to);
  let waiting: Int16Array = new Int16Array(0);
  return {
    get frames() {
      return Math.floor(waiting.length / frameLength);
    },
    push(samples, endOfRun) {
      const parts = [waiting, resampler.push(samples)];
      waiting = concat(endOfRun ? [...parts, resampler.flush()] : parts);
    },
    take(frames) {
      const taken = waiting.slice(0, frames * frameLength);
      waiting = waiting.subarray(frames * frameLength);
      return taken;
    },
    close: () => resampler.close(),
  };
}

function padded(samples: Int16Array, before: number, frameLength: number): Int16Array {
  const missing = -(before + samples.length) % frameLength;
  return missing === 0 ? samples : concat([samples, new Int16Array(frameLength + missing)]);
}

const wrongRate = (found: number, declared: number): AvatarError =>
  new AvatarError(
    'provider_failed',
    `The voice came at ${String(found)} Hz, not at the ${String(declared)} Hz its provider declares.`,
  );
