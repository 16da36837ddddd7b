import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { io } from 'socket.io-client';
import { SessionInfo, type CreatedSession } from '#protocol/http.ts';
import { TurnEvent } from '#protocol/signalling.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

describe('what a viewer tells of its time', () => {
  let server: RunningServer;
  let browser: Browser;
  let session: CreatedSession;
  let page: Page;

  beforeAll(async () => {
    server = await startServer({ RENDERER: 'pattern' });
    browser = await launchBrowser({ viewport: SMALL });
    session = await server.createSession({});
    page = await browser.open(session.urls.page);
    await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0.2, undefined, { timeout: 30_000 });
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await server.stop();
  });

  it('rests on RTP timestamps that are the stage’s own: each picture has that of the number painted in it', async () => {
    const pairs = await page.evaluate(
      () =>
        new Promise<{ frame: number; rtpTimestamp: number | undefined }[]>((resolve) => {
          const video = document.querySelector('video') as HTMLVideoElement;
          const context = new OffscreenCanvas(256, 32).getContext('2d') as OffscreenCanvasRenderingContext2D;
          const seen: { frame: number; rtpTimestamp: number | undefined }[] = [];
          const next = (_now: number, { rtpTimestamp }: VideoFrameCallbackMetadata): void => {
            context.drawImage(video, 0, 0, 256, 32, 0, 0, 256, 32);
            const { data } = context.getImageData(0, 0, 256, 32);
            let frame = 0;
            for (let bit = 0; bit < 32; bit += 1)
              frame = frame * 2 + ((data[((bit < 16 ? 8 : 24) * 256 + (bit % 16) * 16 + 8) * 4] ?? 0) > 127 ? 1 : 0);
            seen.push({ frame, rtpTimestamp });
            if (seen.length < 50) video.requestVideoFrameCallback(next);
            else resolve(seen);
          };
          video.requestVideoFrameCallback(next);
        }),
    );
    const agreeing = pairs.filter(({ frame, rtpTimestamp }) => rtpTimestamp === frame * 3_600);
    // On a busy machine the canvas may already hold the next picture.
    expect(agreeing.length, JSON.stringify(pairs.slice(0, 5))).toBeGreaterThan(25);
  });

  it('fills the waterfall to the picture on the screen, under the trace id that the prompt came with', async () => {
    const socket = io(server.url, { auth: { token: session.token }, transports: ['websocket'], forceNew: true });
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    const over = new Promise<unknown>((resolve) => socket.once('turn', resolve));
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const asked = await fetch(`${server.url}/v1/sessions/${session.id}/prompts`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${session.token}`,
        'content-type': 'application/json',
        traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      },
      body: JSON.stringify({ text: 'Hello there, how are you today?', mode: 'say' }),
    });
    const { utteranceId } = (await asked.json()) as { utteranceId: string };
    const turn = TurnEvent.parse(await over);
    socket.disconnect();
    expect(turn).toMatchObject({ utteranceId, traceId, outcome: 'done', painted: { viewers: 1 } });
    const stages = ['prompt', 'firstToken', 'firstClause', 'firstAudio', 'firstWindow', 'firstFrame', 'playout', 'firstPacket'];
    expect(Object.keys(turn.stages)).toEqual([...stages, 'painted', 'end']);
    const times = Object.values(turn.stages);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const lines = () => server.log.filter((line) => line['utteranceId'] === utteranceId);
    // The log comes another way, and may come later.
    await expect.poll(() => lines().find((line) => line['msg'] === 'turn ended')).toMatchObject({ stages: turn.stages });
    for (const line of lines()) expect(line['traceId']).toBe(traceId);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    for (const stage of [...stages, 'painted'])
      expect(metrics).toMatch(new RegExp(`^turn_stage_ms_count\\{stage="${stage}"\\} [1-9]`, 'm'));
  });

  it('says how far sound and picture are apart, also while nobody speaks', { timeout: 120_000 }, async () => {
    const sync = async () =>
      SessionInfo.parse((await server.call('GET', `/v1/sessions/${session.id}`, undefined, session.token)).body).sync;
    await expect.poll(async () => (await sync()).viewers, { timeout: 90_000, interval: 1_000 }).toBe(1);
    expect(Math.abs((await sync()).offsetMs ?? Infinity)).toBeLessThan(600);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(/^av_offset_ms -?\d/m);
    await page.close();
    await expect.poll(async () => (await sync()).viewers, { timeout: 60_000, interval: 500 }).toBe(0);
  });
});
