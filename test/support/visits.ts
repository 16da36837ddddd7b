import { setTimeout as sleep } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import type { CreatedSession } from '#protocol/http.ts';
import type { Ack, RequestName } from '#protocol/signalling.ts';
import type { RunningServer } from './server.ts';
import { WhepPeer } from './whep-peer.ts';

/** One session from its beginning to its end, used the way its name says. */
type Visit = (server: RunningServer) => Promise<void>;

/** Long enough to be left while it is spoken; each second of it is drawn at half a core. */
const LONG = 'One moment, please, while I look for it.';

/** Every way a session is used and left; none takes longer than a few seconds. */
export const VISITS: Readonly<Record<string, Visit>> = {
  async created(server) {
    await remove(server, await server.createSession({}));
  },
  async joined(server) {
    const session = await server.createSession({});
    const client = await join(server, session);
    await watch(client);
    client.socket.disconnect();
    await remove(server, session);
  },
  async 'joined again and again'(server) {
    const session = await server.createSession({});
    const [first, second] = [await join(server, session), await join(server, session)];
    await watch(first);
    await watch(first);
    await watch(second);
    await remove(server, session);
    await left(first, second);
  },
  async 'spoke to the end'(server) {
    const session = await server.createSession({});
    const client = await join(server, session);
    const over = heard(client, 'turn');
    await client.ask('prompt', { text: 'Yes.', mode: 'say' });
    await over;
    await client.ask('control', { action: 'end' });
    await left(client);
  },
  async 'deleted while it speaks'(server) {
    const session = await server.createSession({});
    const client = await join(server, session);
    await watch(client);
    await speaking(client);
    await remove(server, session);
    await left(client);
  },
  async interrupted(server) {
    const session = await server.createSession({});
    const client = await join(server, session);
    await speaking(client);
    const over = heard(client, 'turn');
    await client.ask('control', { action: 'interrupt' });
    await over;
    await client.ask('control', { action: 'end' });
    await left(client);
  },
  /** Nobody ends it: it ends itself. */
  async 'left while it thinks'(server) {
    const session = await server.createSession({ greeting: 'Hello.' });
    const client = await join(server, session);
    void client.ask('prompt', { text: LONG, mode: 'say' }).catch(() => undefined);
    await sleep(20);
    client.socket.disconnect();
  },
  async 'watched by HLS'(server) {
    const session = await server.createSession({});
    let playlist = '';
    // A busy machine may need more than the 5 s that one request waits.
    for (let asked = 0; asked < 5 && !playlist.startsWith('#EXTM3U'); asked += 1)
      playlist = await (await fetch(session.urls.hls)).text();
    const names = [...playlist.matchAll(/(?:init|segment)_\d+\.(?:mp4|m4s)[^"\n]*/g)].map(([name]) => name);
    if (names.length < 2) throw new Error(`no segment: ${playlist}`);
    for (const name of names) await (await fetch(new URL(name, session.urls.hls))).arrayBuffer();
    await remove(server, session);
  },
  async 'HLS given up'(server) {
    const session = await server.createSession({});
    const impatient = fetch(session.urls.hls, { signal: AbortSignal.timeout(200) });
    await impatient.catch(() => undefined);
    await remove(server, session);
  },
  async 'watched by WHEP'(server) {
    const session = await server.createSession({});
    const peer = new WhepPeer();
    try {
      const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${session.token}` };
      const answer = await fetch(session.urls.whep, { method: 'POST', headers, body: await peer.offer() });
      await peer.accept(await answer.text());
      for (let waited = 0; waited < 5_000 && peer.pc.connectionState !== 'connected'; waited += 50) await sleep(50);
    } finally {
      await remove(server, session);
      peer.close();
    }
  },
};

interface Client {
  readonly socket: Socket;
  ask(event: RequestName, request: unknown): Promise<Record<string, unknown>>;
}

async function join(server: RunningServer, session: CreatedSession): Promise<Client> {
  const socket = io(server.url, {
    auth: { token: session.token },
    forceNew: true,
    reconnection: false,
    transports: ['websocket'],
  });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  const ask = async (event: RequestName, request: unknown): Promise<Record<string, unknown>> => {
    const ack = (await socket.timeout(10_000).emitWithAck(event, request)) as Ack<Record<string, unknown>>;
    if ('error' in ack) throw new Error(`${event}: ${ack.error.message}`);
    return ack.ok;
  };
  return { socket, ask };
}

/** A viewer that has its transport and consumers, and from whom nothing is ever heard. */
async function watch({ ask }: Client): Promise<void> {
  const { transport, rtpCapabilities } = (await ask('join', {})) as { transport: { id: string }; rtpCapabilities: object };
  const fingerprints = [{ algorithm: 'sha-256', value: Array<string>(32).fill('0A').join(':') }];
  await ask('connect_transport', { transportId: transport.id, dtlsParameters: { role: 'client', fingerprints } });
  const { consumers } = (await ask('consume', { transportId: transport.id, rtpCapabilities })) as { consumers: { id: string }[] };
  await ask('resume', { consumerIds: consumers.map(({ id }) => id) });
}

async function speaking(client: Client): Promise<void> {
  const begun = heard(client, 'state', ({ state }) => state === 'speaking');
  await client.ask('prompt', { text: LONG, mode: 'say' });
  await begun;
}

/** The next event of that name. */
function heard({ socket }: Client, name: string, fits = (_: Record<string, unknown>): boolean => true): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no ${name} in 20 s`)), 20_000);
    socket.on(name, (payload: Record<string, unknown>) => {
      if (!fits(payload)) return;
      clearTimeout(late);
      resolve();
    });
  });
}

/** The server has closed the connections. */
async function left(...clients: readonly Client[]): Promise<void> {
  for (const { socket } of clients) for (let waited = 0; waited < 5_000 && socket.connected; waited += 10) await sleep(10);
}

async function remove(server: RunningServer, session: CreatedSession): Promise<void> {
  const { status } = await server.call('DELETE', `/v1/sessions/${session.id}`, undefined, session.token);
  // On a busy machine it may have ended by itself.
  if (status !== 204 && status !== 410) throw new Error(`DELETE answered ${status}`);
}
