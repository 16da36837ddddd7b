import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { io } from 'socket.io-client';
import type { CreatedSession } from '#protocol/http.ts';
import type { Caption } from '#protocol/signalling.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { keepNewest } from '#test/support/captions.ts';
import { msUntilPainted, paintedFrames, recordPaintedFrames } from '#test/support/painted.ts';
import { children } from '#test/support/processes.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

/** Promised is 2 s (p95, measured by the bench); a loaded machine gets as much again. */
const BACK = 4_000;

describe('when the media worker is killed', () => {
  let server: RunningServer;
  let browsers: Browser[];

  beforeAll(async () => {
    server = await startServer();
    browsers = await Promise.all([launchBrowser({ viewport: SMALL }), launchBrowser({ viewport: SMALL })]);
    await Promise.all(browsers.map(({ context }) => recordPaintedFrames(context)));
  }, 120_000);
  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    await server.stop();
  });

  /** A session with two viewers who see it, in a browser each: only the page in front paints. */
  async function setUp() {
    const session = await server.createSession({});
    const { epochMs } = await server.stage(session);
    const pages = await Promise.all(browsers.map((browser) => browser.open(session.urls.page)));
    await Promise.all(pages.map((page) => msUntilPainted(page, epochMs, epochMs)));
    const close = () => Promise.all(pages.map((page) => page.close()));
    return { session, epochMs, pages, close };
  }

  const kill = (): number => {
    process.kill(children(server.pid, 'mediasoup')[0] ?? 0, 'SIGKILL');
    return Date.now();
  };
  const restarts = async (): Promise<number> =>
    Number(/^sfu_worker_restarts_total (\d+)$/m.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1]);
  const back = (pages: readonly Page[], epochMs: number, since: number): Promise<number[]> =>
    Promise.all(pages.map((page) => msUntilPainted(page, epochMs, since)));

  it('both viewers are back by themselves, each time, on the same socket', { timeout: 60_000 }, async () => {
    const [linesBefore, restartsBefore] = [server.log.length, await restarts()];
    const { session, epochMs, pages, close } = await setUp();
    for (let death = 0; death < 2; death += 1) {
      const times = await back(pages, epochMs, kill());
      expect(Math.max(...times)).toBeLessThan(BACK);
      // The picture goes on after its first frame, too.
      const before = (await paintedFrames(pages[0] as Page)).length;
      await expect
        .poll(async () => (await paintedFrames(pages[0] as Page)).length, { timeout: 10_000 })
        .toBeGreaterThan(before + 20);
    }
    const { body } = await server.call('GET', `/v1/sessions/${session.id}`, undefined, session.token);
    expect(body).toMatchObject({ viewers: { webrtc: 2 } });
    const sockets = server.log.slice(linesBefore).filter(({ msg }) => String(msg).startsWith('socket '));
    expect(sockets.map(({ msg }) => msg)).toEqual(['socket connected', 'socket connected']);
    expect((await restarts()) - restartsBefore).toBe(2);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    await close();
  });

  it(
    'in the middle of a clause: it is spoken to its end, the next waits for a viewer, nothing is said twice or left out',
    { timeout: 90_000 },
    async () => {
      const { session, epochMs, pages, close } = await setUp();
      const captions = await hearCaptions(server, session);
      const sentences = [
        'The first sentence is a rather long one so that it takes a while.',
        'Here is the second.',
        'And a third.',
      ];
      const text = sentences.join(' ');
      await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text, mode: 'say' }, session.token);
      await expect.poll(() => captions.heard.length, { timeout: 20_000 }).toBeGreaterThan(0);
      await new Promise((resolve) => setTimeout(resolve, 400));
      const killedAt = kill();
      const times = await back(pages, epochMs, killedAt);
      expect(Math.max(...times)).toBeLessThan(BACK);
      // They needn't find out by the silence.
      expect(captions.rejoins()).toBe(1);
      const turn = await captions.turn;
      expect(turn).toMatchObject({ outcome: 'done', spoken: text });
      expect(captions.heard.map((caption) => caption.clause)).toEqual(captions.heard.map((_, index) => index));
      expect(captions.heard.map((caption) => caption.text.trim()).join(' ')).toBe(text);
      // Inside the clause nothing waited; what began afterwards was seen by somebody from its first frames on.
      const killedFrame = (killedAt - epochMs) / 40;
      const seen = new Set((await Promise.all(pages.map(paintedFrames))).flat().map(({ frame }) => frame));
      const later = captions.heard.filter(({ start }) => start > killedFrame);
      expect(later.length).toBeGreaterThanOrEqual(2);
      for (const { start } of later) expect([0, 1, 2, 3, 4].some((offset) => seen.has(start + offset))).toBe(true);
      captions.close();
      await close();
    },
  );
});

/** A client without media that notes what is said, and how it ended. */
async function hearCaptions(server: RunningServer, { token }: CreatedSession) {
  const socket = io(server.url, { auth: { token }, transports: ['websocket'], forceNew: true });
  const heard: Caption[] = [];
  socket.on('caption', (caption: Caption) => keepNewest(heard, caption));
  let rejoins = 0;
  socket.on('rejoin', () => (rejoins += 1));
  const turn = new Promise<{ outcome: string; spoken: string }>((resolve) => socket.once('turn', resolve));
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return { heard, turn, rejoins: () => rejoins, close: () => void socket.disconnect() };
}
