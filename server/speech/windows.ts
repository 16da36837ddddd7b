import { RENDERER_SAMPLES_PER_FRAME, TICKS_PER_FRAME, type Window } from '#base/media.ts';
import type { Geometry } from '#server/render/renderer.ts';
import type { VoiceChunk } from './hear.ts';
import { concat } from './resample.ts';

/** A window with the sound of its fresh frames for the ear: `freshFrames × 1,920` samples at 48 kHz. */
export interface VoicedWindow extends Window {
  readonly sound: Int16Array;
}

/** 1,800 ms with 240 ms of overlap, in whole frames at 25 fps. */
export const DEFAULT_GEOMETRY = { freshFrames: 39, overlapFrames: 6 } as const;

/**
 * Overlapping windows over a voice, in the renderer's geometry. The fresh parts put together are the voice, sample for sample. A window is
 * given out once its fresh part is complete and it is known whether its clause ends there, that is with the next frame of sound, or with all
 * the renderer wants to hear ahead.
 */
export async function* window(
  voice: AsyncIterable<VoiceChunk>,
  geometry: Pick<Geometry, 'freshFrames' | 'overlapFrames' | 'lookAheadFrames'> = DEFAULT_GEOMETRY,
): AsyncGenerator<VoicedWindow, void, undefined> {
  const { lookAheadFrames = 0 } = geometry;
  const needed = geometry.freshFrames + Math.max(1, lookAheadFrames);
  const overlapSamples = geometry.overlapFrames * RENDERER_SAMPLES_PER_FRAME;
  let index = 0;
  let startFrame = 0;
  let overlap: Int16Array = new Int16Array(overlapSamples);
  let waiting: Pick<VoiceChunk, 'ear' | 'renderer'> = { ear: new Int16Array(0), renderer: new Int16Array(0) };

  for await (const { clause, endOfClause, ...chunk } of voice) {
    waiting = { ear: concat([waiting.ear, chunk.ear]), renderer: concat([waiting.renderer, chunk.renderer]) };
    for (;;) {
      const frames = waiting.renderer.length / RENDERER_SAMPLES_PER_FRAME;
      const isLast = endOfClause && frames <= geometry.freshFrames;
      if (frames === 0 || (frames < needed && !endOfClause)) break;
      const freshFrames = isLast ? frames : geometry.freshFrames;
      const [fresh, renderer] = split(waiting.renderer, freshFrames * RENDERER_SAMPLES_PER_FRAME);
      const [sound, ear] = split(waiting.ear, freshFrames * TICKS_PER_FRAME);
      const samples = concat([overlap, fresh]);
      yield {
        index,
        startFrame,
        overlapFrames: geometry.overlapFrames,
        freshFrames,
        samples,
        ...(lookAheadFrames > 0 ? { ahead: padded(renderer, lookAheadFrames * RENDERER_SAMPLES_PER_FRAME) } : {}),
        sound,
        clause,
        endOfClause: isLast,
      };
      waiting = { ear, renderer };
      overlap = samples.subarray(samples.length - overlapSamples);
      index += 1;
      startFrame += freshFrames;
    }
  }
}

/** The first `length` of `samples`, silence where there are fewer. */
function padded(samples: Int16Array, length: number): Int16Array {
  const whole = new Int16Array(length);
  whole.set(samples.subarray(0, length));
  return whole;
}

const split = (samples: Int16Array, at: number): [Int16Array, Int16Array] => [samples.slice(0, at), samples.slice(at)];
