import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { RELAY_ADDRESS, UdpRelay } from './udp-relay.ts';

/** A server that answers each packet with the same bytes, and remembers who sent it. */
async function startEcho(): Promise<{ port: number; senders: Set<number> }> {
  const socket = createSocket('udp4');
  const senders = new Set<number>();
  socket.on('message', (data, from: RemoteInfo) => {
    senders.add(from.port);
    socket.send(data, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { port: socket.address().port, senders };
}

async function startRelay(port: number, seed?: number): Promise<UdpRelay> {
  const relay = await UdpRelay.open({ port, ...(seed === undefined ? {} : { seed }) });
  onTestFinished(() => relay.close());
  return relay;
}

/** A viewer that sends words and hears what comes back. */
function viewer(port: number): { say(word: string): void; heard: string[]; socket: Socket } {
  const socket = createSocket('udp4');
  const heard: string[] = [];
  socket.on('message', (data) => heard.push(data.toString()));
  onTestFinished(() => void socket.close());
  return { say: (word) => socket.send(word, port, RELAY_ADDRESS), heard, socket };
}

const letTravel = (ms = 100): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

it('carries packets both ways and keeps viewers apart, each on a socket of its own', async () => {
  const { port, senders } = await startEcho();
  const relay = await startRelay(port);
  const [one, two] = [viewer(port), viewer(port)];
  one.say('one');
  two.say('two');
  await expect.poll(() => [one.heard, two.heard]).toEqual([['one'], ['two']]);
  one.say('more');
  await expect.poll(() => one.heard).toEqual(['one', 'more']);
  expect([relay.clients, senders.size]).toEqual([2, 2]);
  expect(relay.counts).toMatchObject({ toServer: { passed: 3, bytes: 10, dropped: 0 }, toViewers: { passed: 3, dropped: 0 } });
});

it('loses in the direction it is told to', async () => {
  const { port } = await startEcho();
  const relay = await startRelay(port, 7);
  relay.shape({ loss: 0.5 }, 'toViewers');
  const { say, heard } = viewer(port);
  for (let i = 0; i < 200; i += 1) say(String(i));
  await expect.poll(() => relay.counts.toViewers.passed + relay.counts.toViewers.dropped).toBe(200);
  await expect.poll(() => heard.length).toBe(relay.counts.toViewers.passed);
  expect(relay.counts.toServer).toMatchObject({ passed: 200, dropped: 0 });
  expect(heard.length).toBeGreaterThan(60);
  expect(heard.length).toBeLessThan(140);
});

it('delays, blocks and opens again while it runs', async () => {
  const { port } = await startEcho();
  const relay = await startRelay(port);
  const { say, heard } = viewer(port);
  relay.shape({ delayMs: 60 });
  const sent = performance.now();
  say('late');
  await expect.poll(() => heard, { interval: 5 }).toEqual(['late']);
  expect(performance.now() - sent).toBeGreaterThanOrEqual(119);
  relay.shape({ delayMs: 0, blocked: true });
  say('never');
  await letTravel();
  relay.shape({ blocked: false });
  say('again');
  await expect.poll(() => heard).toEqual(['late', 'again']);
  expect(relay.counts.toServer.dropped).toBe(1);
});

it('comes from another port after a rebind, and what goes to the old one is lost', async () => {
  const { port, senders } = await startEcho();
  const relay = await startRelay(port);
  const { say, heard } = viewer(port);
  say('before');
  await expect.poll(() => heard).toEqual(['before']);
  const [old] = senders;
  await relay.rebind();
  const stranger = createSocket('udp4');
  stranger.send('to the old port', old, '127.0.0.1');
  say('after');
  await expect.poll(() => heard).toEqual(['before', 'after']);
  await letTravel();
  stranger.close();
  expect(heard).toEqual(['before', 'after']);
  expect(senders.size).toBe(2);
});

it('closes once, and frees its port', async () => {
  const { port } = await startEcho();
  const relay = await startRelay(port);
  viewer(port).say('hello');
  await expect.poll(() => relay.counts.toServer.passed).toBe(1);
  await Promise.all([relay.close(), relay.close()]);
  const again = await startRelay(port);
  expect(again.clients).toBe(0);
});
