import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CreatedSession } from '#protocol/http.ts';
import { recognise, wordsHeard, wordsOf } from '#test/recognise.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { children } from '#test/support/processes.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { RELAY_ADDRESS, UdpRelay } from '#test/support/udp-relay.ts';

const SENTENCE = 'what is the weather like in paris today';
/** Bytes of a second of what is overheard: 16 kHz, 16 bit. */
const SECOND = 32_000;

interface Chunk {
  readonly number: number;
  readonly samples: number;
  readonly at: number;
  readonly concealed: boolean;
}

describe('the microphone of a host in Chromium', () => {
  let folder: string;
  let server: RunningServer;
  let relay: UdpRelay;
  let browser: Browser;
  let session: CreatedSession;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'microphone-'));
    const wav = join(folder, 'said.wav');
    // Said over and over, with a pause in between.
    const voice = `flite=text='${SENTENCE}':voice=slt,adelay=500,apad=pad_dur=1.5`;
    await execa('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', voice, '-ar', '48000', '-ac', '1', wav]);
    server = await startServer({ ANNOUNCED_ADDRESS: RELAY_ADDRESS, NODE_OPTIONS: '--import=./test/fixtures/overheard.ts' });
    relay = await UdpRelay.open({ port: server.rtcPort });
    const fake = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'];
    browser = await launchBrowser({ viewport: SMALL, flags: [...fake, `--use-file-for-fake-audio-capture=${wav}`] });
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    await relay.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    session = await server.createSession({});
    page = await browser.open(session.urls.page);
    await joined(page);
  });
  afterEach(async () => {
    relay.shape({ loss: 0, delayMs: 0 });
    await page.close();
  });

  const joined = (some: Page) =>
    some.waitForFunction(() => window.avatar.snapshot.session?.role !== undefined, undefined, { timeout: 20_000 });
  const status = (wanted: string, some = page) =>
    some.locator(`.microphone[data-status="${wanted}"]`).waitFor({ timeout: 20_000 });
  const words = (hasText: RegExp, some = page) => some.getByTestId('problem').filter({ hasText }).waitFor({ timeout: 20_000 });
  const turnOn = async (some = page): Promise<void> => {
    await some.getByTestId('microphone').click();
    await status('on', some);
  };
  const sound = () => readFile(join(server.dataDir, 'overheard.s16')).catch(() => Buffer.alloc(0));
  const chunks = async (): Promise<Chunk[]> =>
    (await readFile(join(server.dataDir, 'overheard.jsonl'), 'utf8'))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Chunk);
  /** What is heard in the next so many seconds of it. */
  const hear = async (seconds: number): Promise<Buffer> => {
    const from = (await sound()).length;
    await expect.poll(async () => (await sound()).length, { timeout: 30_000 }).toBeGreaterThan(from + seconds * SECOND);
    return (await sound()).subarray(from, from + seconds * SECOND);
  };
  const loudness = (pcm: Buffer): number => {
    const samples = new Int16Array(Uint8Array.from(pcm).buffer);
    return Math.sqrt(samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length);
  };

  it(
    'is heard word for word, without a gap, over a network that loses packets; muted it is silent',
    { timeout: 60_000 },
    async () => {
      relay.shape({ loss: 0.05, delayMs: 10 }, 'toServer');
      await turnOn();
      const meter = page.getByTestId('level');
      const said = hear(5.5);
      await expect.poll(async () => Number(await meter.getAttribute('aria-valuenow')), { timeout: 10_000 }).toBeGreaterThan(20);
      const heard = await recognise(await said, 16_000);
      expect(wordsHeard(SENTENCE, heard), `heard: ${heard}`).toBeGreaterThanOrEqual(wordsOf(SENTENCE).length - 2);

      const told = await chunks();
      const [first, last] = [told[0], told.at(-1)];
      const samples = told.slice(1).reduce((sum, chunk) => sum + chunk.samples, 0);
      // A machine that stands still for a moment has what came late concealed and heard: more sound, never less.
      const time = (last?.at ?? 0) - (first?.at ?? 0);
      expect(samples / 16 / time).toBeGreaterThan(0.97);
      expect(samples / 16 / time).toBeLessThan(1.3);
      expect(told.every(({ at }, index) => at >= (told[index - 1]?.at ?? 0))).toBe(true);

      await page.getByTestId('microphone').click();
      await hear(0.5);
      expect(loudness(await hear(1))).toBeLessThan(20);
      await page.getByTestId('microphone').click();
      await expect.poll(async () => loudness(await hear(0.5)), { timeout: 15_000 }).toBeGreaterThan(300);
    },
  );

  it(
    'is heard only while the space bar or the button is held, with push-to-talk; off, its device is let go',
    { timeout: 60_000 },
    async () => {
      const before = server.log.filter(({ msg }) => msg === 'microphone closed').length;
      await turnOn();
      await page.getByTestId('microphone-options').click();
      expect(await page.getByRole('radio', { name: /fake/i }).count()).toBeGreaterThan(1);
      await page.getByRole('radio', { name: /fake/i }).last().click();
      await page.getByTestId('push-to-talk').click();
      await status('on');
      await page.keyboard.press('Escape');
      await page.getByTestId('prompt').click();
      await hear(0.5);
      expect(loudness(await hear(1))).toBeLessThan(20);
      await page.keyboard.down('Space');
      await expect.poll(() => page.locator('.microphone').getAttribute('data-heard')).toBe('true');
      await page.keyboard.up('Space');
      await expect.poll(() => page.locator('.microphone').getAttribute('data-heard')).toBe('false');
      expect(await page.getByTestId('prompt').inputValue()).toBe('');
      await page.getByTestId('prompt').fill('typed');
      await page.keyboard.press('Space');
      expect(await page.getByTestId('prompt').inputValue()).toBe('typed ');
      await page.getByTestId('microphone').hover();
      await page.mouse.down();
      await expect.poll(() => page.locator('.microphone').getAttribute('data-heard')).toBe('true');
      await page.mouse.up();
      await expect.poll(() => page.locator('.microphone').getAttribute('data-heard')).toBe('false');
      await page.getByTestId('microphone-options').click();
      await page.getByTestId('microphone-off').click();
      await status('off');
      await expect.poll(() => server.log.filter(({ msg }) => msg === 'microphone closed').length).toBeGreaterThan(before);
    },
  );

  it('comes back by itself when the media worker dies, and when the network does', { timeout: 60_000 }, async () => {
    await turnOn();
    await hear(0.5);
    const before = (await chunks()).at(-1)?.number ?? 0;
    process.kill(children(server.pid, 'mediasoup')[0] ?? 0, 'SIGKILL');
    await expect.poll(async () => (await chunks()).at(-1)?.number, { timeout: 15_000 }).toBeGreaterThan(before);
    await status('on');
    await expect.poll(async () => loudness(await hear(0.5)), { timeout: 20_000 }).toBeGreaterThan(300);
    await relay.rebind();
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    await expect.poll(async () => loudness(await hear(0.5)), { timeout: 20_000 }).toBeGreaterThan(300);
    await status('on');
  });

  it('is one per session: the same link takes over, another host waits, a viewer is refused', { timeout: 60_000 }, async () => {
    await turnOn();
    const invite = async (role: 'host' | 'viewer'): Promise<Page> => {
      const { body } = await server.call('POST', `/v1/sessions/${session.id}/tokens`, { role }, session.token);
      const guest = await browser.open((body as CreatedSession).urls.page);
      await joined(guest);
      return guest;
    };
    const other = await invite('host');
    await other.getByTestId('microphone').click();
    await words(/Somebody else's microphone is on/, other);
    await other.close();

    const viewer = await invite('viewer');
    expect(await viewer.getByTestId('microphone').count()).toBe(0);
    await viewer.evaluate(() => window.avatar.microphone.start());
    await viewer.waitForFunction(() => window.avatar.snapshot.microphone.problem === 'refused', undefined, { timeout: 10_000 });
    await viewer.close();

    const twin = await browser.open(session.urls.page);
    await joined(twin);
    await turnOn(twin);
    await words(/on in another window/);
    expect(await page.getByTestId('prompt').isEnabled()).toBe(true);
    await twin.close();
  });

  it('refused by its user, the page says what helps, and text still works', { timeout: 60_000 }, async () => {
    const shy = await launchBrowser({
      viewport: SMALL,
      flags: ['--use-fake-device-for-media-stream', '--deny-permission-prompts'],
    });
    try {
      const refusing = await shy.open(session.urls.page);
      await joined(refusing);
      await refusing.getByTestId('microphone').click();
      await words(/blocked for this page/, refusing);
      await refusing.getByTestId('prompt').fill('Hello.');
      await refusing.getByTestId('send').click();
      await refusing.waitForFunction(() => window.avatar.snapshot.state?.state === 'speaking', undefined, { timeout: 20_000 });
    } finally {
      await shy.close();
    }
  });
});
