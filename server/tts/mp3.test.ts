import { execa } from 'execa';
import { beforeAll, expect, it } from 'vitest';
import { sleep, systemClock } from '#base/clock.ts';
import { children } from '#test/support/processes.ts';
import { decodedMp3 } from './mp3.ts';

const RATE = 24_000;
let tone: Uint8Array;

beforeAll(async () => {
  const source = ['-f', 'lavfi', '-i', 'sine=frequency=500:duration=2:sample_rate=44100'];
  const { stdout } = await execa('ffmpeg', ['-v', 'error', ...source, '-b:a', '128k', '-f', 'mp3', 'pipe:1'], {
    encoding: 'buffer',
  });
  tone = stdout;
});

const cut = (from = 0, to = tone.length): Uint8Array[] =>
  Array.from({ length: Math.ceil((to - from) / 700) }, (_, n) =>
    tone.subarray(from + n * 700, Math.min(to, from + (n + 1) * 700)),
  );

const length = (parts: readonly Int16Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

async function* asBytes(
  parts: readonly Uint8Array[],
  then: () => Promise<void> = () => Promise.resolve(),
): AsyncGenerator<Uint8Array> {
  yield* parts;
  await then();
}

it('decodes all of it, at the rate it is asked for', async () => {
  const sound = await Array.fromAsync(decodedMp3(asBytes(cut()), RATE, new AbortController().signal));
  expect(Math.abs(length(sound) / RATE - 2)).toBeLessThan(0.06);
  expect(Math.max(...sound.flatMap((part) => [...part]))).toBeGreaterThan(2_000);
});

it('gives out what came before its source broke, then what broke it', async () => {
  const broken = asBytes(cut(0, tone.length / 2), () => Promise.reject(new Error('wire cut')));
  const heard: Int16Array[] = [];
  const listen = async (): Promise<void> => {
    for await (const part of decodedMp3(broken, RATE, new AbortController().signal)) heard.push(part);
  };
  await expect(listen()).rejects.toThrow('wire cut');
  expect(length(heard) / RATE).toBeGreaterThan(0.8);
});

it('gives sound out before its source ends, and leaves no child when it is aborted or left', async () => {
  const stuck = () => asBytes(cut(0, tone.length / 2), () => new Promise(() => undefined));
  const abort = new AbortController();
  let heard = 0;
  for await (const part of decodedMp3(stuck(), RATE, abort.signal)) {
    heard += part.length;
    abort.abort();
  }
  expect(heard).toBeGreaterThan(0);
  for await (const _part of decodedMp3(stuck(), RATE, new AbortController().signal)) break;
  for (let n = 0; n < 200 && children(process.pid, 'ffmpeg').length > 0; n += 1) await sleep(systemClock, 10);
  expect(children(process.pid, 'ffmpeg')).toEqual([]);
});
