import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VoiceChunk } from './hear.ts';
import { DEFAULT_GEOMETRY, window, type VoicedWindow } from './windows.ts';

const FRAME = 640;

function ramp(from: number, length: number): Int16Array {
  const samples = new Int16Array(length);
  for (let i = 0; i < length; i += 1) samples[i] = (from + i) % 31_991;
  return samples;
}

/** A voice of clauses (in frames) whose samples count up, in chunks of the given sizes (in frames). */
function* counting(clauses: readonly number[], sizes: readonly number[], emptyEnd: boolean): Generator<VoiceChunk> {
  let at = 0;
  let k = 0;
  const take = (frames: number): { renderer: Int16Array; ear: Int16Array } => {
    const renderer = ramp(at, frames * FRAME);
    const ear = ramp(at * 3, frames * FRAME * 3);
    at += frames * FRAME;
    return { renderer, ear };
  };
  for (const [index, frames] of clauses.entries()) {
    const clause = { index, text: String(index) };
    for (let left = frames; left > 0;) {
      const size = Math.min(left, sizes[k++ % sizes.length] as number);
      left -= size;
      yield { ...take(size), clause, endOfClause: left === 0 && !emptyEnd };
    }
    if (emptyEnd || frames === 0) yield { ...take(0), clause, endOfClause: true };
  }
}

async function windowsOf(
  chunks: Iterable<VoiceChunk>,
  geometry: { freshFrames: number; overlapFrames: number },
): Promise<VoicedWindow[]> {
  const voice = (async function* () {
    yield* chunks;
  })();
  return Array.fromAsync(window(voice, geometry));
}

const clauses = fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 5 });
const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });
const geometry = fc.record({ freshFrames: fc.integer({ min: 1, max: 25 }), overlapFrames: fc.integer({ min: 0, max: 12 }) });

describe('window', () => {
  it('gives the voice back, sample for sample, at both rates and against any chunking', async () => {
    await fc.assert(
      fc.asyncProperty(clauses, sizes, fc.boolean(), geometry, async (lengths, chunkSizes, emptyEnd, shape) => {
        const windows = await windowsOf(counting(lengths, chunkSizes, emptyEnd), shape);
        const voice = [...counting(lengths, [1_000], false)];
        const fresh = windows.map((one) => one.samples.subarray(shape.overlapFrames * FRAME));
        expect(
          Buffer.concat(fresh.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))).equals(
            bytes(voice, 'renderer'),
          ),
        ).toBe(true);
        expect(
          Buffer.concat(windows.map((one) => Buffer.from(one.sound.buffer, one.sound.byteOffset, one.sound.byteLength))).equals(
            bytes(voice, 'ear'),
          ),
        ).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('overlaps by what came just before, silence at the start', async () => {
    await fc.assert(
      fc.asyncProperty(clauses, sizes, geometry, async (lengths, chunkSizes, shape) => {
        let before = new Int16Array(shape.overlapFrames * FRAME);
        for (const one of await windowsOf(counting(lengths, chunkSizes, false), shape)) {
          expect(one.samples.length).toBe((one.overlapFrames + one.freshFrames) * FRAME);
          const overlap = one.samples.slice(0, shape.overlapFrames * FRAME);
          expect(overlap).toEqual(before);
          before = one.samples.slice(one.samples.length - overlap.length);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('ends windows with their clause, marks that end, and numbers without gaps', async () => {
    await fc.assert(
      fc.asyncProperty(clauses, sizes, fc.boolean(), geometry, async (lengths, chunkSizes, emptyEnd, shape) => {
        const windows = await windowsOf(counting(lengths, chunkSizes, emptyEnd), shape);
        let frame = 0;
        for (const [index, one] of windows.entries()) {
          expect([one.index, one.startFrame]).toEqual([index, frame]);
          frame += one.freshFrames;
          const sameClause = windows[index + 1]?.clause.index === one.clause.index;
          expect(one.endOfClause).toBe(!sameClause);
          if (sameClause) expect(one.freshFrames).toBe(shape.freshFrames);
        }
        for (const [index, length] of lengths.entries()) {
          const own = windows.filter((one) => one.clause.index === index);
          expect(own.reduce((sum, one) => sum + one.freshFrames, 0)).toBe(length);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('lets a renderer hear ahead within the clause, and silence after it', async () => {
    await fc.assert(
      fc.asyncProperty(clauses, sizes, fc.integer({ min: 1, max: 4 }), async (lengths, chunkSizes, lookAheadFrames) => {
        const shape = { freshFrames: 8, overlapFrames: 2, lookAheadFrames };
        const windows = await windowsOf(counting(lengths, chunkSizes, false), shape);
        for (const [at, { ahead, endOfClause, clause }] of windows.entries()) {
          const following = windows.slice(at + 1).filter((one) => one.clause.index === clause.index);
          const next = following.flatMap((one) => [...one.samples.subarray(shape.overlapFrames * FRAME)]);
          const expected = Array.from({ length: lookAheadFrames * FRAME }, (_, i) => (endOfClause ? 0 : (next[i] ?? 0)));
          expect(ahead && Buffer.from(Int16Array.from(ahead).buffer).equals(Buffer.from(Int16Array.from(expected).buffer))).toBe(
            true,
          );
        }
      }),
      { numRuns: 30 },
    );
  });

  it('gives a window out as soon as the frame after it is there', async () => {
    let given = 0;
    const voice = (async function* () {
      for (const chunk of counting([400], [1], false)) {
        given += 1;
        yield chunk;
      }
    })();
    const windows = window(voice);
    await windows.next();
    expect(given).toBe(DEFAULT_GEOMETRY.freshFrames + 1);
    await windows.return();
  });
});

const bytes = (voice: readonly VoiceChunk[], side: 'ear' | 'renderer'): Buffer =>
  Buffer.concat(voice.map((chunk) => Buffer.from(chunk[side].buffer, chunk[side].byteOffset, chunk[side].byteLength)));
