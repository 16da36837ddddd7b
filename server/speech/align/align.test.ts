import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Aligner, type Span } from './align.ts';
import truth from './truth.fixture.json' with { type: 'json' };

/** ms within which a word counts as found: narrow enough for "within 80 ms and never before" once it is told 30 ms late. */
const EARLY = -32;
const LATE = 48;

const ms = (samples: number): number => samples / 16;

async function fliteSays(text: string, voice: string): Promise<Int16Array> {
  const folder = await mkdtemp(join(tmpdir(), 'align-'));
  await writeFile(join(folder, 'text'), text);
  const args = ['-v', 'error', '-f', 'lavfi', '-i', `flite=textfile=text:voice=${voice}`, '-f', 's16le', '-ar', '16000', '-'];
  const { stdout } = await execa('ffmpeg', args, { cwd: folder, encoding: 'buffer' });
  await rm(folder, { recursive: true });
  return new Int16Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.byteLength));
}

const wordsOf = (text: string): string[] => text.split(' ').filter((word) => /\w/.test(word));
const inOrder = (spans: readonly Span[]): boolean =>
  spans.every(({ start, end }, word) => end >= start && start >= (spans[word - 1]?.start ?? 0));

describe('the aligner', () => {
  it('finds where flite says each word, as flite itself knows it', async () => {
    const errors: number[] = [];
    for (const { voice, text, samples, starts } of truth) {
      const sound = await fliteSays(text, voice);
      expect(sound.length).toBe(samples);
      const aligner = new Aligner(wordsOf(text));
      aligner.push(sound);
      const spans = aligner.words(true);
      expect(spans).toHaveLength(starts.length);
      expect(inOrder(spans)).toBe(true);
      errors.push(...spans.map(({ start }, word) => ms(start) - (starts[word] ?? NaN)));
    }
    const good = errors.filter((error) => error >= EARLY && error <= LATE).length / errors.length;
    expect(good).toBeGreaterThan(0.88);
    expect(Math.max(...errors.map(Math.abs))).toBeLessThan(250);
  });

  it('tells words while the voice still comes, and hardly ever moves them', async () => {
    const { text, voice } = truth[6] as (typeof truth)[0];
    const sound = await fliteSays(text, voice);
    const words = wordsOf(text);
    const aligner = new Aligner(words);
    const early = new Map<number, number>();
    for (let at = 0; at < sound.length; at += 8_000) {
      aligner.push(sound.subarray(at, at + 8_000));
      const known = aligner.words(false);
      // What is told is a second behind at most, and never beyond what is known.
      expect(known.every(({ end }) => end <= at + 8_000)).toBe(true);
      known.forEach(({ start }, word) => !early.has(word) && early.set(word, start));
    }
    expect(early.size).toBeGreaterThan(words.length * 0.7);
    const spans = aligner.words(true);
    const moved = [...early].filter(([word, start]) => Math.abs(ms(start - (spans[word]?.start ?? 0))) > 40);
    expect(moved.length).toBeLessThan(3);
  });

  it('shares out the voiced time where letters tell nothing', () => {
    const aligner = new Aligner(['你好', '世界']);
    const sound = new Int16Array(32_000);
    for (let at = 8_000; at < 24_000; at += 1) sound[at] = 8_000 * Math.sin(at / 9) + 2_000 * Math.sin(at / 2.3);
    aligner.push(sound);
    const spans = aligner.words(true);
    expect(spans).toHaveLength(2);
    expect(inOrder(spans)).toBe(true);
    expect(ms(spans[0]?.start ?? 0)).toBeGreaterThan(400);
    expect(ms(spans[1]?.end ?? 0)).toBeLessThan(1_600);
  });

  it('answers something in order to sound that can’t be what it is told: silence, too little, too much', () => {
    for (const length of [0, 100, 3_000, 160_000]) {
      const aligner = new Aligner(['several', 'words', 'that', 'nobody', 'says']);
      aligner.push(new Int16Array(length));
      const spans = aligner.words(true);
      expect(inOrder(spans)).toBe(true);
      expect(spans.every(({ end }) => end <= length + 160)).toBe(true);
    }
  });
});
