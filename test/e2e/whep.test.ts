import wrtc from '@roamhq/wrtc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recognise } from '#test/recognise.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

const WORDS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];

describe('WHEP', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer();
  }, 60_000);
  afterAll(() => server.stop());

  it('lets a foreign WebRTC stack hear the words', { timeout: 90_000 }, async () => {
    const session = await server.createSession({});
    const peer = new wrtc.RTCPeerConnection();
    peer.addTransceiver('audio', { direction: 'recvonly' });
    peer.addTransceiver('video', { direction: 'recvonly' });
    const heard: Int16Array[] = [];
    let rate = 48_000;
    const sinks: { stop(): void }[] = [];
    peer.ontrack = ({ track }) => {
      if (track.kind !== 'audio') return;
      const sink = new wrtc.nonstandard.RTCAudioSink(track);
      sink.ondata = ({ samples, sampleRate }: { samples: Int16Array; sampleRate: number }) => {
        heard.push(samples.slice());
        rate = sampleRate;
      };
      sinks.push(sink);
    };
    await peer.setLocalDescription(await peer.createOffer());
    await new Promise<void>((resolve) => {
      if (peer.iceGatheringState === 'complete') resolve();
      else peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && resolve();
    });
    const response = await fetch(session.urls.whep, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp', authorization: `Bearer ${session.token}` },
      body: peer.localDescription?.sdp ?? '',
    });
    expect(response.status).toBe(201);
    const location = new URL(response.headers.get('location') ?? '', session.urls.whep);
    await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    while (peer.connectionState !== 'connected') await sleep(50);
    await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Count from one to seven.' }, session.token);
    while ((await turnState()) !== 'done') await sleep(200);
    await sleep(1_000);
    const pcm = Buffer.concat(heard.map((samples) => Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)));
    const words = (await recognise(pcm, rate)).split(' ');
    expect(WORDS.filter((word) => words.includes(word)).length, `heard: ${words.join(' ')}`).toBeGreaterThanOrEqual(5);
    const gone = await fetch(location, { method: 'DELETE', headers: { authorization: `Bearer ${session.token}` } });
    expect(gone.status).toBe(200);
    sinks.forEach((sink) => sink.stop());
    peer.close();

    async function turnState(): Promise<string> {
      const { body } = await server.call('GET', `/v1/sessions/${session.id}/transcript`, undefined, session.token);
      return (body as { turns: { state: string }[] }).turns[0]?.state ?? '';
    }
  });
});

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
