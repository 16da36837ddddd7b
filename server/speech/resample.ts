import { createRequire } from 'node:module';
import type * as Libsamplerate from '@alexanderolsen/libsamplerate-js';
import { FPS } from '#base/media.ts';
import { AvatarError } from '#base/errors.ts';

// A CommonJS bundle whose exports Node can't name at import.
const { ConverterType, create } = createRequire(import.meta.url)('@alexanderolsen/libsamplerate-js') as typeof Libsamplerate;
type Converter = Awaited<ReturnType<typeof create>>;

/**
 * Converts the rate of one stream of mono s16 sound, run by run. A run is what comes between two flushes, a whole number of 25 fps frames;
 * its output has exactly input × to ÷ from samples, aligned with the input, and hears nothing of the run before.
 */
export interface Resampler {
  /** The output that can be told so far; it trails the input by the filter's look-ahead (a few ms). */
  push(samples: Int16Array): Int16Array;
  /** Ends the run: the rest of its output. */
  flush(): Int16Array;
  close(): void;
}

/** Windowed-sinc conversion by libsamplerate; the identity when the rates are the same. Rates are in Hz, multiples of 25. */
export async function createResampler(from: number, to: number): Promise<Resampler> {
  if (from % FPS !== 0 || from <= 0) {
    throw new AvatarError(
      'provider_failed',
      `The voice's sample rate ${String(from)} Hz is not a multiple of ${String(FPS)} Hz.`,
    );
  }
  if (from === to) return identity;
  const src = spare.pop() ?? (await create(1, from, to, { converterType: ConverterType.SRC_SINC_MEDIUM_QUALITY }));
  // Setting a rate starts the converter anew, so that it has heard nothing yet.
  src.inputSampleRate = from;
  src.outputSampleRate = to;
  const silentFrame = new Int16Array(from / FPS);
  // Positions in the whole output since creation: silence fed by flushes included.
  let fed = 0;
  let made = 0;
  let runStart = 0;

  const push = (samples: Int16Array): Int16Array => {
    if (samples.length === 0) return samples;
    const output = toInt16(src.full(toFloat(samples)));
    fed += samples.length;
    made += output.length;
    const stale = Math.min(output.length, Math.max(0, runStart - (made - output.length)));
    return output.subarray(stale);
  };
  return {
    push,
    flush() {
      const end = Math.round((fed * to) / from);
      const rest: Int16Array[] = [];
      while (made < end) {
        const output = push(silentFrame);
        rest.push(output.subarray(0, Math.max(0, output.length - Math.max(0, made - end))));
      }
      // One more frame of silence, so that the next run starts with nothing of this one in the filter.
      push(silentFrame);
      runStart = Math.round((fed * to) / from);
      return concat(rest);
    },
    close: () => putBack(src),
  };
}

/** Converters that nobody uses now: each is a WebAssembly module with a memory of 27 MB of its own, whose making stops the event loop for 6 to 30 ms. */
const spare: Converter[] = [];
const MAX_SPARE = 8;

function putBack(src: Converter): void {
  if (spare.length < MAX_SPARE) spare.push(src);
  else src.destroy();
}

const identity: Resampler = { push: (samples) => samples, flush: () => new Int16Array(0), close: () => undefined };

function toFloat(samples: Int16Array): Float32Array {
  const floats = new Float32Array(samples.length);
  for (let i = 0; i < samples.length; i += 1) floats[i] = (samples[i] as number) / 32_768;
  return floats;
}

function toInt16(floats: Float32Array): Int16Array {
  const samples = new Int16Array(floats.length);
  for (let i = 0; i < floats.length; i += 1) {
    samples[i] = Math.max(-32_768, Math.min(32_767, Math.round((floats[i] as number) * 32_768)));
  }
  return samples;
}

/** The parts one after the other, copied once. */
export function concat(parts: readonly Int16Array[]): Int16Array {
  if (parts.length === 1) return parts[0] as Int16Array;
  const whole = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
