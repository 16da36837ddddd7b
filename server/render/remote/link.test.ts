import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { FrameLink, type Likeness } from './link.ts';

const likeness: Likeness = { id: 'nora', prompt: '', hash: 'a'.repeat(64), mime: 'image/png', image: Buffer.from('png') };
const order = { window: 4, startFrame: 0, overlapFrames: 0, freshFrames: 1, lookAheadFrames: 0, endOfClause: true };
const geometry = { freshFrames: 1, overlapFrames: 0, lookAheadFrames: 0 };
const hello = { type: 'hello', v: 1, worker: 'w', engine: 'e', geometry, sizes: [{ width: 16, height: 16, clipMs: 1 }] };

/** A link and the worker's end of it, which says what it is told to. */
async function linked(): Promise<{ link: FrameLink; say: (header: object) => void; worker: WebSocket; heard: string[] }> {
  const server = createServer();
  const door = new WebSocketServer({ server });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const worker = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => {
    worker.terminate();
    door.close();
    server.close();
  });
  const heard: string[] = [];
  worker.on('message', (data: Buffer) => heard.push(String(JSON.parse(data.toString('utf8', 4, 4 + data.readUInt32BE())).type)));
  const say = (header: object): void => {
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(json.length);
    worker.send(Buffer.concat([length, json]));
  };
  worker.on('open', () => say(hello));
  const socket = await new Promise<WebSocket>((resolve) => door.once('connection', resolve));
  const link = await FrameLink.open(socket, { clock: systemClock, log: silentLog, traceId: 't', formats: ['i420'] });
  return { link, say, worker, heard };
}

it('hears nothing of an older generation, or of another window', async () => {
  const { link, say } = await linked();
  link.begin(1, likeness, { width: 16, height: 16 });
  link.begin(2, likeness, { width: 16, height: 16 });
  const said: object[] = [];
  const drawing = (async () => {
    for await (const { header } of link.draw(order, new Int16Array(640))) said.push(header);
  })();
  const done = { type: 'clip_done', clipMs: 1, waitedMs: 0 };
  say({ ...done, generation: 1, window: 4 });
  say({ ...done, generation: 2, window: 3 });
  say({ type: 'progress', generation: 2, window: 4, done: 0.5 });
  say({ ...done, generation: 2, window: 4 });
  await drawing;
  expect(said).toEqual([
    { type: 'progress', generation: 2, window: 4, done: 0.5 },
    { ...done, generation: 2, window: 4 },
  ]);
  expect(link.stale).toBe(2);
  await link.bye('over');
});

it('ends what is being drawn with why, when it ends; and what is asked for afterwards at once', async () => {
  const { link, worker } = await linked();
  link.begin(1, likeness, { width: 16, height: 16 });
  const drawing = Array.fromAsync(link.draw(order, new Int16Array(640)));
  worker.terminate();
  await expect(drawing).rejects.toMatchObject({ code: 'render_failed', details: { kind: 'cut' } });
  await expect(Array.fromAsync(link.draw(order, new Int16Array(640)))).rejects.toMatchObject({ details: { kind: 'cut' } });
  expect(await link.over).toBe(link.loss);
});

it('gives the reference to who lacks it, and to nobody another', async () => {
  const { link, say, heard } = await linked();
  link.begin(1, likeness, { width: 16, height: 16 });
  say({ type: 'need_reference', hash: likeness.hash });
  await expect.poll(() => heard).toEqual(['begin', 'reference']);
  say({ type: 'need_reference', hash: 'b'.repeat(64) });
  expect(await link.over).toMatchObject({ details: { kind: 'garbage' } });
});

it('says good-bye, and cuts off a worker that does not go', async () => {
  const { link, worker, heard } = await linked();
  worker.pause();
  const since = systemClock.now();
  await link.bye('over');
  expect(systemClock.now() - since).toBeGreaterThan(1_500);
  worker.resume();
  await expect.poll(() => heard).toContain('bye');
});
