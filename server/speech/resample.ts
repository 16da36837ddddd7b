import { SoftwareResampleContext } from 'node-av/lib';
import { AV_CHANNEL_ORDER_NATIVE, AV_SAMPLE_FMT_S16 } from 'node-av/constants';
import { FPS } from '#base/media.ts';
import { AvatarError } from '#base/errors.ts';

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

/** Windowed-sinc conversion by FFmpeg's libswresample; the identity when the rates are the same. Rates are in Hz, multiples of 25. */
export function createResampler(from: number, to: number): Resampler {
  if (from % FPS !== 0 || from <= 0) {
    throw new AvatarError(
      'provider_failed',
      `The voice's sample rate ${String(from)} Hz is not a multiple of ${String(FPS)} Hz.`,
    );
  }
  if (from === to) return identity;
  let context: SoftwareResampleContext | undefined;
  let [fed, made] = [0, 0];
  const close = (): void => {
    context?.free();
    context = undefined;
  };
  return {
    push(samples) {
      if (samples.length === 0) return samples;
      context ??= open(from, to);
      fed += samples.length;
      const output = convert(context, samples);
      made += output.length;
      return output;
    },
    flush() {
      const missing = Math.round((fed * to) / from) - made;
      const rest = new Int16Array(missing);
      if (context) rest.set(convert(context, undefined).subarray(0, missing));
      [fed, made] = [0, 0];
      close();
      return rest;
    },
    close,
  };
}

const MONO = { order: AV_CHANNEL_ORDER_NATIVE, nbChannels: 1, mask: 4n };

function open(from: number, to: number): SoftwareResampleContext {
  const context = new SoftwareResampleContext();
  if (context.allocSetOpts2(MONO, AV_SAMPLE_FMT_S16, to, MONO, AV_SAMPLE_FMT_S16, from) < 0 || context.init() < 0)
    throw new AvatarError('internal', `libswresample can't convert ${String(from)} Hz to ${String(to)} Hz.`);
  return context;
}

/** Without `samples`, what is still in the filter. */
function convert(context: SoftwareResampleContext, samples: Int16Array | undefined): Int16Array {
  const room = context.getOutSamples(samples?.length ?? 0);
  const output = new Int16Array(room);
  const input = samples && [bytes(samples)];
  const count = context.convertSync([bytes(output)], room, input ?? null, samples?.length ?? 0);
  if (count < 0) throw new AvatarError('internal', `libswresample failed with ${String(count)}.`);
  return output.subarray(0, count);
}

const bytes = (samples: Int16Array): Buffer => Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);

const identity: Resampler = { push: (samples) => samples, flush: () => new Int16Array(0), close: () => undefined };

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
