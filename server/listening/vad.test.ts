import { expect, onTestFinished, test } from 'vitest';
import { execa } from 'execa';
import { systemClock } from '#base/clock.ts';
import { createLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { ThreadDebugger } from '#test/support/thread-debugger.ts';
import { openVad, type VadStream } from './vad.ts';

const FRAME = 512;
const PER_SECOND = 16_000 / FRAME;

function setUp() {
  const lines: Record<string, unknown>[] = [];
  const log = createLog('info', { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) });
  const vad = openVad({ clock: systemClock, log, metrics: createMetrics() });
  onTestFinished(() => vad.close('test over'));
  return { vad, lines };
}

/** A sentence of flite's, as it is. */
async function sentence(text: string): Promise<Int16Array> {
  const { stdout } = await execa(
    'ffmpeg',
    ['-v', 'error', '-f', 'lavfi', '-i', `flite=text='${text}':voice=slt`, '-ar', '16000', '-f', 's16le', '-'],
    { encoding: 'buffer' },
  );
  return new Int16Array(Uint8Array.from(stdout).buffer);
}

/** Noise of a quiet room. */
const room = (seconds: number): Int16Array =>
  Int16Array.from({ length: seconds * 16_000 }, (_, at) => 40 * Math.sin(at * at * 0.7) + 10 * Math.sin(at / 50));

async function hear(stream: VadStream, samples: Int16Array): Promise<number[]> {
  const heard: number[] = [];
  for (let at = 0; at + FRAME <= samples.length; at += FRAME) heard.push(await stream.hear(samples.subarray(at, at + FRAME)));
  return heard;
}
const share = (heard: readonly number[]): number => heard.filter((speech) => speech > 0.5).length / heard.length;

test('tells a sentence from the silence around it', async () => {
  const stream = setUp().vad.open();
  const before = await hear(stream, room(1));
  const during = await hear(stream, await sentence('the children are walking to school with their teacher'));
  const after = await hear(stream, room(2));
  expect(share(before)).toBe(0);
  expect(share(during)).toBeGreaterThan(0.8);
  expect(share(after.slice(PER_SECOND / 2))).toBe(0);
});

test('microphones that speak at once are told apart, each as if it were alone', async () => {
  const { vad } = setUp();
  const spoken = await sentence('hello there');
  const alone = await hear(vad.open(), spoken);
  const [one, quiet, late] = [vad.open(), vad.open(), vad.open()];
  const [a, b, c] = await Promise.all([
    hear(one, spoken),
    hear(quiet, room(2)),
    hear(late, Int16Array.from([...room(0.512), ...spoken])),
  ]);
  a.forEach((speech, at) => expect(speech).toBeCloseTo(alone[at] ?? -1, 3));
  expect(share(b)).toBe(0);
  expect(share(c.slice(16))).toBeGreaterThan(0.5);
});

test('a thread that is killed is replaced: what was asked is answered, and the log says so', async () => {
  const inside = new ThreadDebugger();
  onTestFinished(() => inside.close());
  const { vad, lines } = setUp();
  const stream = vad.open();
  await hear(stream, room(0.1));
  const frames = room(1);
  const asked = hear(stream, frames);
  inside.evaluate('vad', 'process.exit(3)');
  expect((await asked).length).toBe(Math.floor(frames.length / FRAME));
  expect(lines.filter(({ msg }) => String(msg).includes('another takes over'))).toMatchObject([
    { kind: 'crash', microphones: 1 },
  ]);
  expect(share(await hear(stream, await sentence('hello there my friend')))).toBeGreaterThan(0.6);
});

test('a thread that hangs is replaced as well', async () => {
  const inside = new ThreadDebugger();
  onTestFinished(() => inside.close());
  const { vad, lines } = setUp();
  const stream = vad.open();
  await hear(stream, room(0.1));
  inside.evaluate('vad', 'for (;;);');
  expect((await hear(stream, room(0.5))).length).toBe(15);
  expect(lines.map(({ kind }) => kind)).toContain('hang');
});

test('closed, it ends its thread and fails what is asked; a wrong frame is refused', async () => {
  const { vad } = setUp();
  const stream = vad.open();
  await expect(stream.hear(new Int16Array(100))).rejects.toThrow(/512 samples at a time, not 100/);
  await stream.hear(new Int16Array(FRAME));
  const asked = stream.hear(new Int16Array(FRAME));
  await Promise.all([vad.close('over'), vad.close('over again'), expect(asked).rejects.toMatchObject({ code: 'internal' })]);
  await expect(stream.hear(new Int16Array(FRAME))).rejects.toThrow(/closed/);
});
