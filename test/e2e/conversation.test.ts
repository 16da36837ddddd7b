import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import type { Transcript } from '#protocol/http.ts';
import { recognise } from '#test/recognise.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { measureLoudness, measureMouth, startRecording } from '#test/support/listen.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

const COUNTING = ['one', 'two', 'three', 'four', 'five', 'six', 'seven'];

describe('a conversation through the real page', () => {
  let server: RunningServer;
  let browser: Browser;
  const errors: string[] = [];

  beforeAll(async () => {
    server = await startServer();
    browser = await launchBrowser({ viewport: SMALL });
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    expect((await server.stop()).exitCode).toBe(0);
    expect(errors).toEqual([]);
  });

  const open = async (url: string): Promise<Page> => {
    const page = await browser.open(url);
    page.on('pageerror', (error) => errors.push(error.message));
    await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0.2, undefined, { timeout: 30_000 });
    return page;
  };
  const ask = async (page: Page, text: string): Promise<void> => {
    await page.getByTestId('prompt').fill(text);
    await page.getByTestId('send').click();
  };
  const rest = async (page: Page): Promise<void> => {
    await page.waitForFunction(
      () => /listening|ready|idle/i.test(document.querySelector('[data-testid=state]')?.textContent ?? ''),
      undefined,
      { timeout: 60_000 },
    );
  };

  it.each([
    { name: 'WebRTC', query: '' },
    { name: 'HLS', query: '&transport=hls' },
  ])(
    'answers a typed sentence aloud over $name, with a moving mouth that rests afterwards',
    { timeout: 180_000 },
    async ({ query }) => {
      const session = await server.createSession({});
      const page = await open(`${session.urls.page}${query}`);
      const stopRecording = await startRecording(page);
      const restless = await measureMouth(page, 1_500);
      await ask(page, 'Count from one to seven.');
      await page
        .getByTestId('caption')
        .filter({ hasText: /seven|7/i })
        .waitFor({ timeout: 60_000 });
      await rest(page);
      await page.waitForTimeout(query ? 6_000 : 1_500);
      const heard = (await recognise(await stopRecording())).split(' ');
      expect(COUNTING.filter((word) => heard.includes(word)).length, `heard: ${heard.join(' ')}`).toBeGreaterThanOrEqual(5);
      await ask(page, 'Tell me a story.');
      await page.waitForFunction(
        () => /speaking/i.test(document.querySelector('[data-testid=state]')?.textContent ?? ''),
        undefined,
        { timeout: 20_000 },
      );
      await page.waitForTimeout(query ? 5_000 : 500);
      const talking = await measureMouth(page, 3_000);
      expect(talking).toBeGreaterThan(restless * 2);
      await page.getByTestId('interrupt').click();
      await expect.poll(() => measureMouth(page, 1_500), { timeout: 20_000 }).toBeLessThan(talking / 2);
      await page.close();
    },
  );

  it('falls silent when it is interrupted, and the transcript holds only what was spoken', { timeout: 90_000 }, async () => {
    const session = await server.createSession({});
    const page = await open(session.urls.page);
    await ask(page, 'Tell me a long story.');
    await page.waitForFunction(
      () => /speaking/i.test(document.querySelector('[data-testid=state]')?.textContent ?? ''),
      undefined,
      { timeout: 20_000 },
    );
    await page.waitForTimeout(2_000);
    const loudness = measureLoudness(page, 4_000);
    await page.waitForTimeout(1_500);
    const cutAt = await page.evaluate(() => {
      const now = performance.timeOrigin + performance.now();
      document.querySelector<HTMLButtonElement>('[data-testid=interrupt]')?.click();
      return now;
    });
    const heard = await loudness;
    const loud = heard.filter((one) => one.at < cutAt).map((one) => one.rms);
    const level = Math.max(...loud);
    expect(level).toBeGreaterThan(0.02);
    const after = heard.filter((one) => one.at > cutAt + 1_000).map((one) => one.rms);
    expect(Math.max(...after)).toBeLessThan(level / 20);
    const { body } = await server.call('GET', `/v1/sessions/${session.id}/transcript`, undefined, session.token);
    const turn = (body as Transcript).turns[0];
    expect(turn?.state).toBe('interrupted');
    expect(turn?.spoken.length).toBeGreaterThan(10);
    expect(turn?.spoken.length).toBeLessThan(600);
    await page.close();
  });
});
