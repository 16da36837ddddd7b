import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CreatedSession, Transcript, Turn } from '#protocol/http.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { cough, giveVoice, hearItself, MICROPHONE_FLAGS, spoken, turnOn, utter } from '#test/support/host-voice.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';

describe('a conversation by voice, with nothing configured', () => {
  let server: RunningServer;
  let browser: Browser;
  let session: CreatedSession;
  let page: Page;

  beforeAll(async () => {
    server = await startServer();
    browser = await launchBrowser({ viewport: SMALL, flags: MICROPHONE_FLAGS });
    await giveVoice(browser);
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    expect((await server.stop()).exitCode).toBe(0);
  });
  beforeEach(async () => {
    session = await server.createSession({});
    page = await browser.open(session.urls.page);
    await turnOn(page);
  });

  const turns = async (): Promise<Turn[]> =>
    ((await server.call('GET', `/v1/sessions/${session.id}/transcript`, undefined, session.token)).body as Transcript).turns;
  /** The newest turn whose prompt has these words, in that state. */
  const turn = async (words: RegExp, state: RegExp): Promise<Turn> => {
    const found = async () => (await turns()).findLast(({ prompt = '' }) => words.test(prompt));
    const seen = async () => (await found())?.state ?? JSON.stringify((await turns()).map(({ prompt }) => prompt));
    await expect.poll(seen, { timeout: 30_000 }).toMatch(state);
    return (await found()) as Turn;
  };

  it('is understood, not disturbed by a cough, and stopped by a word', { timeout: 120_000 }, async () => {
    await utter(page, await spoken('tell me a story'));
    const story = await turn(/story/, /speaking/);
    await page.waitForTimeout(1_500);
    await utter(page, await cough());
    await page.waitForTimeout(2_000);
    expect((await turns()).map(({ state }) => state)).toEqual(['speaking']);
    await utter(page, await spoken('please tell me what time it is'));
    const time = await turn(/time/, /done/);
    expect(time.spoken).not.toBe('');
    const ended = (await turns()).find(({ utteranceId }) => utteranceId === story.utteranceId);
    expect(ended?.state).toBe('interrupted');
    expect(await turns()).toHaveLength(2);
    await page.close();
  });

  it('does not answer or interrupt itself when its voice comes back from a loudspeaker', { timeout: 120_000 }, async () => {
    await hearItself(page, { gain: 0.4, delayMs: 120 });
    await utter(page, await spoken('tell me a story'));
    const story = await turn(/story/, /speaking/);
    await page.waitForTimeout(10_000);
    expect((await turns()).map(({ state, prompt }) => [state, prompt])).toEqual([['speaking', story.prompt]]);
    await utter(page, await spoken('please tell me what time it is'));
    // The recogniser hears less well through the avatar's voice; what matters is that the person was heard, and answered.
    const answered = async () => (await turns()).slice(1).find(({ prompt = '' }) => /time|tell|please/.test(prompt))?.state;
    await expect.poll(async () => (await answered()) ?? '', { timeout: 30_000 }).toMatch(/speaking|done/);
    expect((await turns())[0]?.state).toBe('interrupted');
    await page.close();
  });
});
