import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ClientError } from '#client/sdk/index.ts';
import { launchBrowser, type Browser } from '#test/support/browser.ts';
import { buildPage, muteServer, SESSION } from './mute-server.fixture.ts';

const PATIENCE = 60_000;

describe('the page', { timeout: 120_000 }, () => {
  let built: Awaited<ReturnType<typeof buildPage>>;
  let browser: Browser;
  let server: Awaited<ReturnType<typeof muteServer>> | undefined;
  let complaints: string[] = [];

  beforeAll(async () => {
    built = await buildPage();
    browser = await launchBrowser();
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await built.remove();
  });
  afterEach(async () => {
    for (const page of browser.context.pages().slice(1)) await page.close();
    await server?.close();
    expect(complaints).toEqual([]);
    complaints = [];
  });

  const serve = async (wishes: Omit<Parameters<typeof muteServer>[0], 'pageDir'> = {}) =>
    (server = await muteServer({ pageDir: built.dir, ...wishes }));
  const open = async (url: string, { context } = browser): Promise<Page> => {
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (line) => /Content Security Policy|Uncaught/.test(line.text()) && complaints.push(line.text()));
    await page.goto(url);
    return page;
  };
  const textOf = async (page: Page, id: string) => (await page.getByTestId(id).textContent()) ?? '';
  const shows = (page: Page, id: string, hasText: RegExp) =>
    page.getByTestId(id).filter({ hasText }).waitFor({ timeout: PATIENCE });
  const plays = (page: Page) =>
    page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 1, undefined, { timeout: PATIENCE });

  it('creates a session with a greeting, keeps it in its address, and falls back to HLS by itself when no picture comes', async () => {
    const { url, created, heard } = await serve();
    const page = await open(url);
    await page.getByTestId('prompt').and(page.locator(':enabled')).waitFor({ timeout: PATIENCE });
    expect(created).toEqual([{ greeting: expect.stringMatching(/hello/i) as string }]);
    expect(page.url()).toContain(`session=${SESSION}&token=host-token`);
    expect(await textOf(page, 'transport')).toBe('Not connected');
    await shows(page, 'hls-notice', /because WebRTC brought no picture within 5 seconds/);
    expect(heard('join')).toEqual([{ receive: true }, { receive: false }]);
    await plays(page);
    await shows(page, 'transport', /HLS/);
    await shows(page, 'state', /Listening/);
    expect(await page.evaluate(() => window.avatar.snapshot.connection)).toMatchObject({ status: 'live', transport: 'hls' });
  });

  it('sends what is typed, shows states as words, and logs the turn with its timings', async () => {
    const { link, heard, say } = await serve();
    const page = await open(`${link}&transport=hls`);
    await shows(page, 'state', /Listening/);
    const box = page.getByTestId('prompt');
    await box.fill('How are you?');
    await box.press('Enter');
    await page.getByText('How are you?').waitFor({ state: 'attached' });
    expect(heard('join')).toEqual([{ receive: false }]);
    expect(heard('prompt')).toEqual([{ text: 'How are you?', mode: 'chat' }]);
    expect(await box.inputValue()).toBe('');
    await box.press('ArrowUp');
    expect(await box.inputValue()).toBe('How are you?');
    await box.press('ArrowDown');
    expect(await box.inputValue()).toBe('');
    await box.fill('Say this.');
    await page.getByText('Say', { exact: true }).click();
    await page.getByTestId('send').click();
    await expect.poll(() => heard('prompt')).toContainEqual({ text: 'Say this.', mode: 'say' });

    expect(await page.getByTestId('interrupt').isDisabled()).toBe(true);
    say('state', { state: 'thinking' });
    await shows(page, 'state', /Thinking/);
    say('state', { state: 'buffering', etaMs: 2_500 });
    await shows(page, 'state', /Speaking in 2.5 s/);
    await shows(page, 'state', /Speaking in 1.[45] s/);
    await shows(page, 'state', /Almost ready/);
    say('state', { state: 'degraded', reason: 'pictures are late' });
    await shows(page, 'state', /Having trouble/);
    expect(await page.getByTitle('pictures are late').count()).toBe(1);
    say('state', { state: 'speaking' });
    await shows(page, 'state', /^Speaking$/);
    await page.getByTestId('interrupt').click();
    await expect.poll(() => heard('control')).toEqual([{ action: 'interrupt' }]);

    const { utteranceId } = await page.evaluate(() => window.avatar.prompt('From a script'));
    say('turn', { utteranceId, outcome: 'interrupted', spoken: 'I am well, and', stages: { firstAudio: 212, playout: 430 } });
    await page.getByRole('button', { name: 'Log', exact: true }).click();
    await shows(page, 'log', /I am well, and.*Interrupted.*First sound.*212 ms.*On air.*430 ms/s);
  });

  it('says in plain words why a prompt was refused, and keeps the text', async () => {
    const { link } = await serve({
      answers: {
        prompt: () => {
          throw new ClientError('too_many_prompts', 'At most 4 prompts may wait.');
        },
      },
    });
    const page = await open(`${link}&transport=hls`);
    await shows(page, 'state', /Listening/);
    await page.getByTestId('prompt').fill('One more');
    await page.getByTestId('prompt').press('Enter');
    await shows(page, 'problem', /Let me finish first/);
    expect(await page.getByTestId('prompt').inputValue()).toBe('One more');
  });

  it('shows a caption when its clause is heard, over HLS too, and takes back what was interrupted', async () => {
    const { link, say, frame, releasedAt } = await serve();
    const page = await open(`${link}&transport=hls`);
    await plays(page);
    const start = frame() + 50;
    say('caption', { utteranceId: 'one', clause: 0, text: 'Good morning.', start, end: start + 100 });
    say('caption', { utteranceId: 'two', clause: 0, text: 'Never said.', start: start + 110, end: start + 200 });
    say('turn', { utteranceId: 'two', outcome: 'interrupted', spoken: '', stages: {} });
    await shows(page, 'caption', /Good morning/);
    // A viewer of HLS is at least a segment behind.
    expect(Date.now()).toBeGreaterThan(releasedAt(start) + 500);
    const shown: string[] = [];
    while (shown.at(-1) !== '') {
      shown.push(await textOf(page, 'caption'));
      await page.waitForTimeout(100);
    }
    expect(shown).not.toContain('Never said.');
  });

  it('shows words one by one as they are heard, tells a screen reader the clause as a whole, and shows what the host is understood to say', async () => {
    const { link, say, frame } = await serve();
    const page = await open(`${link}&transport=hls`);
    await plays(page);
    const start = frame() + 40;
    const words = [
      { text: 'Good', start: start + 2, end: start + 10 },
      { text: 'morning.', start: start + 30, end: start + 50 },
    ];
    say('caption', { utteranceId: 'one', clause: 0, text: 'Good morning.', start, end: start + 60, words });
    const shown: string[] = [];
    const spoken: string[] = [];
    while (!(shown.includes('Good morning.') && shown.at(-1) === '')) {
      shown.push(await textOf(page, 'caption'));
      spoken.push(await textOf(page, 'spoken'));
      await page.waitForTimeout(40);
    }
    const changes = shown.filter((text, at) => text !== shown[at - 1]);
    expect(changes.filter((text) => text !== '')).toEqual(['Good', 'Good morning.']);
    expect([...new Set(spoken)].filter(Boolean)).toEqual(['Good morning.']);
    expect(await page.getByTestId('caption').getAttribute('aria-hidden')).toBe('true');

    const host = { who: 'host', utteranceId: 'phrase', clause: 0, start: start - 10, end: frame() + 75 } as const;
    say('caption', { ...host, text: 'Hello their', final: false });
    await shows(page, 'caption', /^Hello their$/);
    say('caption', { ...host, text: 'Hello there', final: true });
    await shows(page, 'caption', /^Hello there$/);
    await shows(page, 'spoken', /You: Hello there/);
  });

  it('lets the conversation be copied and downloaded, with who said what when', async () => {
    const { link, url, say, turns } = await serve();
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
    const page = await open(`${link}&transport=hls`);
    await shows(page, 'state', /Listening/);
    const { utteranceId } = await page.evaluate(() => window.avatar.prompt('How are you?'));
    const asked = { utteranceId, mode: 'chat', prompt: 'How are you?', askedAt: Date.UTC(2026, 0, 2, 3, 4, 5) } as const;
    turns.push({ ...asked, spoken: 'I am…', state: 'interrupted', startedAt: asked.askedAt + 1_000 });
    say('turn', { utteranceId, outcome: 'interrupted', spoken: 'I am…', stages: {} });
    await page.getByRole('button', { name: 'Log', exact: true }).click();
    await shows(page, 'log', /You \d+:04:05.*How are you\?.*Ada \d+:04:06.*I am….*Interrupted/s);
    await page.getByTestId('copy-log').click();
    await shows(page, 'copy-log', /Copied/);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('transcript as txt');
    for (const format of ['txt', 'json', 'vtt']) {
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId(`download-${format}`).click()]);
      expect(download.suggestedFilename()).toBe(`conversation.${format}`);
      expect(await text(await download.createReadStream())).toBe(`transcript as ${format}`);
    }
  });

  it('tells a session that is gone from one that ends, and offers to start again', async () => {
    const gone = await serve({ refuses: 'session_not_found' });
    const page = await open(gone.link);
    await shows(page, 'ended', /This conversation is gone/);
    expect(await page.getByRole('link', { name: 'Start again' }).getAttribute('href')).toBe('/');
    expect(await textOf(page, 'state')).toBe('Ended');
    await gone.close();

    const { link, say } = await serve();
    const other = await open(`${link}&transport=hls`);
    await shows(other, 'state', /Listening/);
    say('state', { state: 'closed', reason: 'idle for 10 minutes' });
    await shows(other, 'ended', /has ended/);
    expect(await other.getByTestId('prompt').isDisabled()).toBe(true);
  });

  it('comes back by itself when the server drops it', async () => {
    const { link, heard, io } = await serve();
    const page = await open(`${link}&transport=hls`);
    await plays(page);
    await shows(page, 'transport', /HLS/);
    const before = heard('join').length;
    io.disconnectSockets(true);
    await expect.poll(() => heard('join').length, { timeout: PATIENCE }).toBeGreaterThan(before);
    await shows(page, 'state', /Listening/);
  });

  it('lets a viewer watch, and only watch', async () => {
    const { link } = await serve({ role: 'viewer' });
    const page = await open(`${link}&transport=hls`);
    await page.getByText('You are watching').waitFor({ timeout: PATIENCE });
    expect(await page.getByTestId('prompt').count()).toBe(0);
  });

  it('starts without sound where the browser wants a touch first, and asks for it', async () => {
    const { link, heard } = await serve();
    const shy = await launchBrowser({ autoplay: false });
    try {
      const page = await open(`${link}&transport=hls`, shy);
      // Looking into the page counts as a touch: until it plays, only the server knows.
      await expect.poll(() => heard('client_stats'), { timeout: PATIENCE }).not.toEqual([]);
      const unmute = page.getByTestId('unmute');
      await unmute.waitFor({ timeout: PATIENCE });
      await plays(page);
      expect(await page.evaluate(() => document.querySelector('video')?.muted)).toBe(true);
      await unmute.click();
      await unmute.waitFor({ state: 'detached' });
      expect(await page.evaluate(() => document.querySelector('video')?.muted)).toBe(false);
      expect(await page.evaluate(() => document.querySelector('video')?.paused)).toBe(false);
    } finally {
      await shy.close();
    }
  });

  it('is twenty lines where the SDK is used alone', async () => {
    const { url, heard, say, frame } = await serve();
    const page = await open(`${url}/example.html`);
    await plays(page);
    await page.getByRole('textbox').fill('Hello there');
    await page.getByRole('button').click();
    await expect.poll(() => heard('prompt')).toEqual([{ text: 'Hello there', mode: 'chat' }]);
    say('caption', { utteranceId: 'one', clause: 0, text: 'Good morning.', start: frame(), end: frame() + 200 });
    await page.getByRole('status').filter({ hasText: 'Good morning.' }).waitFor({ timeout: PATIENCE });
    const lines = await Promise.all(['html', 'ts'].map((type) => readFile(`client/app/example.${type}`, 'utf8')));
    expect(lines.join('').trim().split('\n').length).toBeLessThanOrEqual(20);
  });

  it('copies a link for viewers', async () => {
    const { link, url } = await serve();
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url });
    const page = await open(`${link}&transport=hls`);
    await page.getByTestId('copy-link').click();
    await shows(page, 'copy-link', /Link copied/);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${url}/?session=${SESSION}&token=viewer-token`);
  });
});
