import { once } from 'node:events';
import { execa } from 'execa';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock, VirtualClock, type Clock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { sendTone, startSfu } from '#test/support/sfu.ts';
import { withH264, WhepPeer } from '#test/support/whep-peer.ts';
import { listen } from '#test/support/wrtc.ts';
import { GRACE } from './client-transport.ts';
import { Viewers } from './viewers.ts';
import { Whep } from './whep.ts';

async function setUp(maxViewers = 4, clock: Clock = systemClock) {
  const { sfu, router, producers } = await startSfu();
  const metrics = createMetrics();
  const viewers = new Viewers({ router, producers, maxViewers, log: silentLog, metrics, clock });
  const whep = new Whep({ router, producers, viewers, log: silentLog });
  const gauge = async (): Promise<number> =>
    (await metrics.viewers.get()).values.find(({ labels }) => labels.kind === 'whep')?.value ?? 0;
  return { sfu, router, producers, viewers, whep, gauge };
}

function peer(): WhepPeer {
  const made = new WhepPeer();
  onTestFinished(() => made.close());
  return made;
}

test('a foreign peer hears the stage under its own payload type; without H.264 its video line is rejected', async () => {
  const { producers, viewers, whep, gauge } = await setUp();
  sendTone(producers);
  const player = peer();
  const { id, answer, etag } = await whep.offer(await player.offer());
  expect(answer).toMatch(/^m=audio 9 UDP\/TLS\/RTP\/SAVPF 117\r$/m);
  expect(answer).toMatch(/^m=video 0 /m);
  for (const line of ['a=ice-lite', 'a=group:BUNDLE 0', 'a=setup:passive', 'a=rtcp-mux', 'a=sendonly', 'a=end-of-candidates']) {
    expect(answer.split('\r\n')).toContain(line);
  }
  expect(answer).not.toContain('a=extmap');
  expect(answer.match(/^a=candidate:.* (udp|tcp) /gm)).toHaveLength(2);
  expect(etag).toBe(`"${/a=ice-ufrag:(\S+)/.exec(answer)?.[1]}"`);
  await player.accept(answer);
  expect(await listen(player.track)).toBeGreaterThan(3_000);
  expect([viewers.counts.whep, await gauge()]).toEqual([1, 1]);
  await whep.delete(id);
  expect([viewers.counts.whep, await gauge()]).toEqual([0, 0]);
  await expect(whep.delete(id)).rejects.toMatchObject({ code: 'not_found' });
});

test('H.264 is answered under the number of constrained baseline with packetization-mode 1', async () => {
  const { whep } = await setUp();
  const { answer } = await whep.offer(withH264(await peer().offer()));
  expect(answer).toMatch(/^m=video 9 UDP\/TLS\/RTP\/SAVPF 47\r$/m);
  expect(answer).toContain('a=group:BUNDLE 0 1\r\n');
  expect(answer).toContain('a=fmtp:47 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n');
  expect(answer.match(/^a=rtcp-fb:.*$/gm)).toEqual(['a=rtcp-fb:47 nack', 'a=rtcp-fb:47 nack pli']);
  const streams = [...answer.matchAll(/^a=msid:(\S+) /gm)].map(([, stream]) => stream);
  expect(streams).toHaveLength(2);
  expect(new Set(streams).size).toBe(1);
});

test('a numbering has one router, kept while it has viewers', async () => {
  const { router, whep, viewers } = await setUp();
  const pipes = async (): Promise<number> => (await router.router.dump()).transportIds.length - 1;
  const offers = [await peer().offer(), await peer().offer(), withH264(await peer().offer())] as const;
  const answers = await Promise.all(offers.map((offer) => whep.offer(offer)));
  expect(await pipes()).toBe(2);
  await whep.delete(answers[0]?.id ?? '');
  expect(await pipes()).toBe(2);
  await whep.delete(answers[1]?.id ?? '');
  await expect.poll(pipes).toBe(1);
  await whep.close('over');
  await expect.poll(pipes).toBe(0);
  expect(viewers.counts.whep).toBe(0);
  await expect(whep.offer(offers[0])).rejects.toMatchObject({ code: 'session_closed' });
});

test('the cap holds, and a refused peer leaves nothing behind', async () => {
  const { router, whep, gauge } = await setUp(1);
  const before = (await router.router.dump()).transportIds.length;
  const offers = await Promise.all([peer().offer(), peer().offer()]);
  const results = await Promise.allSettled(offers.map((offer) => whep.offer(offer)));
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'too_many_viewers' } });
  expect(await gauge()).toBe(1);
  await whep.close('over');
  await expect.poll(async () => (await router.router.dump()).transportIds.length).toBe(before);
});

test('PATCH takes candidates, restarts ICE, and minds the ETag', async () => {
  const { producers, whep } = await setUp();
  sendTone(producers);
  const player = peer();
  const offer = await player.offer();
  const { id, answer, etag } = await whep.offer(offer);
  await player.accept(answer);
  await listen(player.track, 0.1);
  const fragmentOf = (sdp: string): string => (sdp.match(/^(a=ice-(ufrag|pwd):.*|m=audio.*|a=mid:0)$/gm) ?? []).join('\r\n');
  expect(await whep.patch(id, fragmentOf(offer), etag)).toEqual({ etag, fragment: undefined });
  expect(await whep.patch(id, fragmentOf(offer), '*')).toEqual({ etag, fragment: undefined });
  await expect(whep.patch(id, fragmentOf(offer), undefined)).rejects.toMatchObject({ code: 'precondition_required' });
  await expect(whep.patch(id, fragmentOf(offer), '"old"')).rejects.toMatchObject({ code: 'precondition_failed' });
  await expect(whep.patch(id, 'nonsense', etag)).rejects.toMatchObject({ code: 'invalid_sdp' });
  await expect(whep.patch('unknown', fragmentOf(offer), etag)).rejects.toMatchObject({ code: 'not_found' });

  const restarted = fragmentOf(await player.offer({ iceRestart: true }));
  await expect(whep.patch(id, restarted, etag)).rejects.toMatchObject({ code: 'precondition_failed' });
  const patched = await whep.patch(id, restarted, '*');
  expect(patched.etag).not.toBe(etag);
  expect(patched.fragment).toMatch(/^a=ice-lite\r\n/);
  await player.acceptRestart(patched.fragment ?? '');
  expect(`"${/a=ice-ufrag:(\S+)/.exec(player.pc.currentRemoteDescription?.sdp ?? '')?.[1]}"`).toBe(patched.etag);
  await expect.poll(() => player.pc.iceConnectionState, { timeout: 10_000 }).toMatch(/connected|completed/);
  expect(await listen(player.track)).toBeGreaterThan(3_000);
});

test('the peer’s goodbye closes its viewer', async () => {
  const { producers, viewers, whep } = await setUp();
  sendTone(producers);
  const player = peer();
  const { id, answer } = await whep.offer(await player.offer());
  await player.accept(answer);
  await listen(player.track, 0.1);
  const closed = once(viewers, 'viewerclose');
  player.close();
  expect(await closed).toMatchObject([{ id }, 'dtls closed']);
  await expect(whep.delete(id)).rejects.toMatchObject({ code: 'not_found' });
});

test('a peer that vanishes is given up after the grace', { timeout: 90_000 }, async () => {
  const clock = new VirtualClock();
  const { producers, viewers, whep } = await setUp(4, clock);
  sendTone(producers);
  const player = execa('node', ['test/fixtures/whep-peer.ts'], { reject: false, forceKillAfterDelay: false });
  onTestFinished(() => void player.kill('SIGKILL'));
  const [offer] = (await once(player.stdout, 'data')) as [Buffer];
  const { id, answer } = await whep.offer(JSON.parse(offer.toString()) as string);
  const viewer = viewers.get(id);
  player.stdin.write(`${JSON.stringify(answer)}\n`);
  await expect.poll(() => viewer?.state, { timeout: 30_000 }).toBe('connected');
  player.kill('SIGKILL');
  await player;
  await expect.poll(async () => (await viewer?.stats())?.iceState, { timeout: 30_000, interval: 500 }).toBe('disconnected');
  await clock.advance(GRACE - 1);
  expect(viewers.counts.whep).toBe(1);
  const closed = once(viewers, 'viewerclose');
  await clock.advance(1);
  expect(await closed).toEqual([viewer, 'network lost']);
});

test('garbage is refused as invalid_sdp with what was expected, and leaves nothing', { timeout: 120_000 }, async () => {
  const { sfu, viewers, whep } = await setUp();
  const offer = withH264(await peer().offer());
  const lines = offer.split('\r\n');
  const [random, expected] = [fc.string({ unit: 'binary', maxLength: 60 }), /The SDP .{10,}/];
  const outcomes = new Set<boolean>();
  const mutation = fc.record({
    at: fc.nat(lines.length - 1),
    drop: fc.boolean(),
    line: fc.oneof(random, fc.constantFrom(...lines)),
  });
  const mutated = fc
    .array(mutation, { minLength: 1, maxLength: 12 })
    .map((mutations) =>
      mutations.reduce((kept, { at, drop, line }) => kept.toSpliced(at, drop ? 1 : 0, line), lines).join('\r\n'),
    );
  const corrupted = fc
    .tuple(fc.nat(offer.length), fc.nat(40), random)
    .map(([at, length, text]) => offer.slice(0, at) + text + offer.slice(at + length));
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        random,
        random.map((tail) => `v=0\r\n${tail}`),
        mutated,
        corrupted,
      ),
      async (sdp) => {
        const result = await whep.offer(sdp).catch((error: unknown) => error);
        outcomes.add(result instanceof Error);
        if (result instanceof Error)
          expect(result).toMatchObject({ code: 'invalid_sdp', message: expect.stringMatching(expected) as string });
        else await whep.delete((result as { id: string }).id);
      },
    ),
    { numRuns: 200 },
  );
  expect(outcomes.size, 'some mutations do no harm').toBe(2);
  expect(viewers.counts.whep).toBe(0);
  expect(sfu.workers).toHaveLength(1);
  const { id } = await whep.offer(offer);
  await whep.delete(id);
});

test('each thing an offer needs is named when it is missing', async () => {
  const { whep } = await setUp();
  const offer = await peer().offer();
  const without = (pattern: RegExp): string => offer.replace(pattern, '');
  const cases: [string, RegExp][] = [
    ['', /starts with v=0/],
    ['v=0\r\ns=-\r\n', /media/],
    ['x'.repeat(100_000), /at most 64000 characters/],
    [without(/^a=rtcp-mux\r\n/gm), /rtcp-mux/],
    [without(/^a=setup:.*\r\n/gm), /setup:actpass/],
    [without(/^a=ice-ufrag:.*\r\n/gm), /ice-ufrag/],
    [without(/^a=fingerprint:.*\r\n/gm), /fingerprint/],
    [offer.replace(/^a=fingerprint:.*$/gm, 'a=fingerprint:sha-256 no'), /fingerprint/],
    [without(/^a=mid:.*\r\n/gm), /mid/],
    [without(/^a=rtpmap:117 .*\r\n/gm), /Opus/],
    [offer.replaceAll('a=recvonly', 'a=sendonly'), /receives/],
  ];
  for (const [sdp, message] of cases) {
    await expect(whep.offer(sdp)).rejects.toMatchObject({
      code: 'invalid_sdp',
      message: expect.stringMatching(message) as string,
    });
  }
});
