import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { RENDERER_RATE, type AvFrame } from '#base/media.ts';
import type { Renderer } from '#server/render/renderer.ts';
import { say } from '#server/speech/speak.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import type { Tts } from '#server/tts/tts.ts';
import { movingPicture, psnr } from '#test/fixtures/moving-picture.ts';
import type { Face } from './face.ts';
import { Phrases, type PhraseKey, type Pose } from './phrases.ts';

const SIZE = { width: 128, height: 128 };
const TEXT = 'Hello there, my name is Ada. How can I help you today?';

let folder: string;
let metrics: ReturnType<typeof createMetrics>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phrases-'));
  metrics = createMetrics();
});
afterEach(() => rm(folder, { recursive: true }));

/** A tone as long as the text; notes what it was asked to say. */
function toneTts(asked: string[], fail = false): Tts {
  return {
    name: 'tone',
    rate: RENDERER_RATE,
    async *synthesize(clauses) {
      for await (const clause of clauses) {
        if (fail && clause.index === 1) throw new Error('no voice');
        asked.push(clause.text);
        const samples = Int16Array.from({ length: clause.text.length * 800 }, (_, at) => 9_000 * Math.sin(at / 10));
        yield { samples, rate: RENDERER_RATE, start: 0, clause, endOfClause: true };
      }
    },
  };
}

/** Moves with the frame's number; notes what it was asked to draw. */
function movingRenderer(expectedRtf: number, drawn: number[]): Renderer {
  return {
    name: 'moving',
    geometry: { ...SIZE, freshFrames: 8, overlapFrames: 0 },
    expectedRtf,
    stamped: false,
    async *render(windows, request) {
      for await (const { startFrame, freshFrames } of windows) {
        for (let frame = startFrame; frame < startFrame + freshFrames; frame += 1) {
          drawn.push(frame);
          yield { frame, picture: movingPicture(SIZE, (request.idleFrame + frame) / 100) };
        }
      }
    },
    async *idle() {
      yield* [];
    },
    close: async () => undefined,
  };
}

const phrases = (): Phrases => new Phrases({ log: silentLog, metrics });
const face = (over: Partial<Face> = {}): Face => ({
  id: 'av_ada',
  name: 'Ada',
  kind: 'clip',
  key: 'av_ada.1',
  voice: undefined,
  language: undefined,
  greeting: TEXT,
  prompt: undefined,
  folder,
  shownBy: 'renderer',
  lesser: undefined,
  ...over,
});
const keyOf = (over: Partial<PhraseKey> = {}): PhraseKey => ({
  face: face(),
  voice: undefined,
  language: 'en',
  text: TEXT,
  ...over,
});

interface Once {
  readonly tts: Tts;
  readonly renderer: Renderer;
  readonly key?: PhraseKey;
  readonly pose?: Pose;
}

/** Says it once, and gives what was heard and seen. */
async function once(cache: Phrases, { tts, renderer, key = keyOf(), pose = async () => undefined }: Once): Promise<AvFrame[]> {
  await cache.load(key, { tts, renderer });
  const { recorded, ...voices } = cache.around(key, { tts, renderer }, pose);
  const spoken = say(
    key.text,
    { llm: { name: 'none', complete: () => [] as never }, clock: systemClock, ...voices },
    {
      voice: { language: 'en' },
      request: { avatar: key.face.key, idleFrame: 7 },
      signal: new AbortController().signal,
      mark: () => undefined,
      renderFailed: (error) => {
        throw error;
      },
    },
  );
  const frames = await Array.fromAsync(spoken.frames);
  await recorded;
  // The last pictures come when all is said already.
  await expect.poll(() => frames.every(({ picture }) => picture !== undefined)).toBe(true);
  return frames;
}

const soundOf = (frames: readonly AvFrame[]): Int16Array[] => frames.map(({ sound }) => sound);
const outcomes = async (): Promise<string> =>
  (await metrics.phrases.get()).values.map(({ labels, value }) => `${String(labels.outcome)} ${value}`).join(', ');

test('a phrase is said by its voice once, and from the cache ever after, sample for sample, also by the next server', async () => {
  const asked: string[] = [];
  const drawn: number[] = [];
  const parts = { tts: toneTts(asked), renderer: movingRenderer(0.1, drawn) };
  const cache = phrases();
  const first = await once(cache, parts);
  expect(asked.join(' ')).toBe(TEXT);
  const again = await once(cache, parts);
  const later = await once(phrases(), parts);
  expect(asked.join(' ')).toBe(TEXT);
  expect(soundOf(again)).toEqual(soundOf(first));
  expect(soundOf(later)).toEqual(soundOf(first));
  expect(again.map(({ clause, endOfClause }) => [clause.text, endOfClause])).toEqual(
    first.map(({ clause, endOfClause }) => [clause.text, endOfClause]),
  );
  // What is quickly drawn is drawn each time, in the pose of the moment.
  expect(drawn.length).toBe(3 * first.length);
  expect(await outcomes()).toBe('recorded 1, recited 2');
});

test('of a slow renderer the pictures are kept, too, and begin in the pose they were drawn from', async () => {
  const drawn: number[] = [];
  const parts = { tts: toneTts([]), renderer: movingRenderer(5, drawn) };
  const cache = phrases();
  const first = await once(cache, parts);
  const poses: number[] = [];
  const again = await once(phrases(), { ...parts, pose: async (idleFrame) => void poses.push(idleFrame) });
  expect(drawn.length).toBe(first.length);
  expect(poses).toEqual([7]);
  const quality = again.map(({ picture }, at) => psnr(picture!, first[at]!.picture!));
  expect(Math.min(...quality)).toBeGreaterThan(32);
});

test.each<[string, Partial<PhraseKey>]>([
  ['another text', { text: 'Good evening to you.' }],
  ['another voice', { voice: 'deep' }],
  ['another language', { language: 'de' }],
  ['another version of the face', { face: face({ key: 'av_ada.2' }) }],
])('%s is another phrase', async (_what, over) => {
  const asked: string[] = [];
  const parts = { tts: toneTts(asked), renderer: movingRenderer(0.1, []) };
  const cache = phrases();
  await once(cache, parts);
  const before = asked.length;
  await once(cache, { ...parts, key: keyOf(over) });
  expect(asked.length).toBeGreaterThan(before);
});

test('one that is not said to its end is not kept', async () => {
  const cache = phrases();
  const renderer = movingRenderer(0.1, []);
  await expect(once(cache, { tts: toneTts([], true), renderer })).rejects.toThrow('no voice');
  expect(await readdir(folder)).toEqual([]);
  const asked: string[] = [];
  await once(cache, { tts: toneTts(asked), renderer });
  expect(asked.join(' ')).toBe(TEXT);
});

test('of a face that comes with the server it is kept in memory only, and forgotten with its face', async () => {
  const asked: string[] = [];
  const parts = { tts: toneTts(asked), renderer: movingRenderer(0.1, []), key: keyOf({ face: face({ folder: undefined }) }) };
  const cache = phrases();
  await once(cache, parts);
  await once(cache, parts);
  expect(asked.join(' ')).toBe(TEXT);
  cache.forget('av_ada.1');
  await once(cache, parts);
  expect(asked.join(' ')).toBe(`${TEXT} ${TEXT}`);
});
