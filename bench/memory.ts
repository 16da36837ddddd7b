import { setTimeout as sleep } from 'node:timers/promises';
import type { CreatedSession } from '#protocol/http.ts';
import { lookInside, resident, TRANSPARENT } from '#test/support/inside.ts';
import { children } from '#test/support/processes.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { WhepPeer, withH264 } from '#test/support/whep-peer.ts';
import { round, type BenchResult } from './bench.ts';

const FEW = 20;
const MANY = 50;
const SETTLE_MS = 3_000;
const MB = 2 ** 20;
const MOST = 10;

/** What a session costs in memory while nobody speaks: the server's and its worker's, with and without a viewer. */
export async function run(): Promise<BenchResult> {
  const server = await startServer(TRANSPARENT);
  const peers: WhepPeer[] = [];
  try {
    const sessions: CreatedSession[] = [];
    const open = async (count: number, avatar?: string): Promise<void> => {
      while (sessions.length < count) sessions.push(await server.createSession(avatar === undefined ? {} : { avatar }));
    };
    // What only the first of them costs is not theirs.
    await open(1);
    await watch(sessions[0]!, peers);
    const none = await weigh(server);
    await open(1 + FEW);
    const few = await weigh(server);
    await open(1 + MANY);
    const many = await weigh(server);
    for (const session of sessions.slice(1)) await watch(session, peers);
    const watched = await weigh(server);
    await open(2 + MANY, 'theo');
    const other = await weigh(server);
    const row = (what: string, at: Weight, count: number) => ({
      what,
      'server MB': round(at.server / MB),
      'worker MB': round(at.worker / MB),
      'MB per session': count === 0 ? '' : round((at.server + at.worker - none.server - none.worker) / MB / count, 2),
      'idle loops': at.loops,
      'outside the heap MB': round(at.outside / MB),
    });
    const each = (watched.server + watched.worker - none.server - none.worker) / MB / MANY;
    const shared = many.loops === 1 && watched.loops === 1 && many.outside - none.outside < MB && other.loops === 2;
    return {
      what: `Resident memory of the server and its worker, 512² portrait sessions on which nobody speaks, after a full garbage collection and ${String(SETTLE_MS / 1_000)} s; a viewer is a WHEP peer of this process with both streams flowing. Idle loops are counted in the server's heap, and so are the bytes it holds outside of it, where loops are.`,
      goal: `≤ ${String(MOST)} MB per idle session with its viewer; one idle loop per avatar and size, however many sessions`,
      met: each <= MOST && shared,
      rows: [
        row('one session, to begin with', none, 0),
        row(`${String(FEW)} more`, few, FEW),
        row(`${String(MANY)} more`, many, MANY),
        row(`${String(MANY)} more, a viewer each`, watched, MANY),
        row('and one of another avatar', other, MANY + 1),
      ],
    };
  } finally {
    for (const peer of peers) peer.close();
    await server.stop();
  }
}

interface Weight {
  readonly server: number;
  readonly worker: number;
  readonly loops: number;
  readonly outside: number;
}

async function weigh(server: RunningServer): Promise<Weight> {
  await sleep(SETTLE_MS);
  const { objects, memory } = await lookInside(server);
  const workers = children(server.pid, 'mediasoup-work');
  return {
    server: resident(server.pid),
    worker: workers.map(resident).reduce((sum, bytes) => sum + bytes, 0),
    loops: objects['IdleLoop'] ?? 0,
    outside: memory.arrayBuffers,
  };
}

/** Takes both streams. The peer itself knows no H.264: the pictures reach it and stop there. */
async function watch({ urls, token }: CreatedSession, peers: WhepPeer[]): Promise<void> {
  const peer = new WhepPeer();
  peers.push(peer);
  const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${token}` };
  const response = await fetch(urls.whep, { method: 'POST', headers, body: withH264(await peer.offer()) });
  const answer = await response.text();
  if (!/^m=video 9 /m.test(answer)) throw new Error(`no pictures: ${answer}`);
  await peer.accept(answer.replace(/^m=video 9 /m, 'm=video 0 ').replace(/^a=group:BUNDLE 0 1/m, 'a=group:BUNDLE 0'));
  for (let waited = 0; peer.pc.connectionState !== 'connected'; waited += 20) {
    if (waited > 10_000) throw new Error('a viewer could not connect');
    await sleep(20);
  }
}
