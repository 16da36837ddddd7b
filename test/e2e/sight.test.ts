import { createCanvas, loadImage } from '@napi-rs/canvas';
import { execa } from 'execa';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreatedSession, Transcript } from '#protocol/http.ts';
import { launchBrowser, SMALL, type Browser } from '#test/support/browser.ts';
import { chat, chatError } from '#test/support/chat-wire.ts';
import { giveVoice, MICROPHONE_FLAGS, spoken, turnOn, utter } from '#test/support/host-voice.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { scribeSession } from '#test/support/stt-scripts.ts';
import { startSttWire, type SttWire } from '#test/support/stt-wire.ts';
import { startWire, status, type Asked, type Wire } from '#test/support/wire.ts';

describe('what the host shows', () => {
  let model: Wire;
  let ears: SttWire;
  let server: RunningServer;
  let browser: Browser;
  let session: CreatedSession;
  let page: Page;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sight-'));
    const [scene, ...started] = await Promise.all([
      redAndBlue(folder),
      startWire(chat('It is a lamp.')),
      startSttWire([scribeSession({ text: 'And what is this?', partials: ['And what is this'] })]),
    ]);
    [model, ears] = started;
    server = await startServer({
      OPENAI_BASE_URL: `${model.url}/v1`,
      LLM_VISION: 'on',
      ELEVENLABS_API_KEY: 'key',
      ELEVENLABS_BASE_URL: ears.url,
      TTS: 'flite',
      FILLERS: 'off',
      RENDERER: 'pattern',
      LOG_LEVEL: 'trace',
    });
    const flags = [...MICROPHONE_FLAGS, `--use-file-for-fake-video-capture=${scene}`];
    browser = await launchBrowser({ viewport: SMALL, flags });
    await giveVoice(browser);
    session = await server.createSession({});
    page = await browser.open(session.urls.page);
    await page.waitForFunction(() => window.avatar.snapshot.sight.sources.length > 0, undefined, { timeout: 30_000 });
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    expect((await server.stop()).exitCode).toBe(0);
    await Promise.all([model.kill(), ears.kill(), rm(folder, { recursive: true })]);
  });

  const show = async (source: 'camera' | 'screen'): Promise<void> => {
    await page.getByTestId('show').click();
    await page.getByTestId(`show-${source}`).click();
  };
  const isShown = (status: 'on' | 'off') => page.locator(`.show[data-status="${status}"]`).waitFor({ timeout: 15_000 });
  const problem = (words: RegExp) => page.getByTestId('problem').filter({ hasText: words }).waitFor({ timeout: 15_000 });
  /** What the model is asked once the turn with that prompt has been answered. */
  const answered = async (prompt: string): Promise<Asked> => {
    const turns = async () =>
      ((await server.call('GET', `/v1/sessions/${session.id}/transcript`, undefined, session.token)).body as Transcript).turns;
    const state = async () => (await turns()).find((turn) => turn.prompt === prompt)?.state;
    await expect.poll(state, { timeout: 30_000 }).toBe('done');
    // A reply may have been begun before the recogniser had set its last signs.
    const words = prompt.replace(/[?.]$/, '');
    return model.asked.findLast((asked) => JSON.stringify(messagesIn(asked).at(-1)).includes(words)) as Asked;
  };
  const type = async (text: string): Promise<Asked> => {
    await page.getByTestId('prompt').fill(text);
    await page.getByTestId('prompt').press('Enter');
    return answered(text);
  };

  it('is seen with what is typed and what is said, is forgotten then, and never stored', { timeout: 120_000 }, async () => {
    await show('camera');
    await isShown('on');
    await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>('.shown video')?.videoWidth ?? 0) > 0);
    const typed = imageIn(await type('What is this?'));
    expect(await coloursOf(typed)).toEqual(['red', 'blue']);

    await turnOn(page);
    await utter(page, await spoken('and what is this'));
    const heard = await answered('And what is this?');
    expect(await coloursOf(imageIn(heard))).toEqual(['red', 'blue']);
    expect(imagesIn(heard)).toHaveLength(1);
    const asks = expect.stringMatching(/^And what is this\??$/) as string;
    expect(said(heard)).toEqual(['What is this?\n[an image was shown]', 'It is a lamp.', asks]);

    await page.getByTestId('hide').click();
    await isShown('off');
    expect(imagesIn(await type('Thank you.'))).toEqual([]);
    await page.getByRole('button', { name: 'Log', exact: true }).click();
    expect(await page.getByTestId('log').getByText('With a picture').count()).toBe(2);
    await page.getByRole('button', { name: 'Close the log' }).click();

    const written = [server.output.join(''), ...(await contents(server.dataDir))];
    expect(written.join('')).toContain('What is this?');
    for (const image of [typed, imageIn(heard)]) {
      const base64 = image.toString('base64');
      for (const at of [0.3, 0.5, 0.7]) {
        const traces = [pieceOf(base64, at), pieceOf(image.toString('latin1'), at), pieceOf(image.toString('hex'), at)];
        expect(JSON.stringify(model.asked.map(({ body }) => body))).toContain(traces[0]);
        for (const text of written) for (const trace of traces) expect(text.includes(trace)).toBe(false);
      }
    }
  });

  it(
    'is turned off with a word on why when the model takes none, and when the browser gives none',
    { timeout: 60_000 },
    async () => {
      model.answers = [
        (response, asked) =>
          imagesIn(asked).length > 0
            ? status(400, chatError('This model reads only.', null))(response, asked)
            : chat('I see nothing.')(response, asked),
      ];
      await show('screen');
      await isShown('on');
      const before = model.asked.length;
      await type('Do you see it?');
      await problem(/takes no pictures/);
      await isShown('off');
      expect(model.asked.slice(before).map((asked) => imagesIn(asked).length)).toEqual([1, 0]);

      await page.evaluate(() => {
        const refuse = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
        Object.assign(navigator.mediaDevices, { getUserMedia: refuse, getDisplayMedia: refuse });
      });
      await show('camera');
      await problem(/camera is blocked/);
      await show('screen');
      await problem(/No screen was chosen/);
      await isShown('off');
    },
  );
});

type Message = { readonly role: string; readonly content: string | readonly Part[] };
type Part = { readonly text?: string; readonly image_url?: { readonly url: string } };

const messagesIn = ({ body }: Asked) => body['messages'] as readonly Message[];
const partsOf = ({ content }: Message): readonly Part[] => (typeof content === 'string' ? [{ text: content }] : content);
const imagesIn = (asked: Asked): string[] =>
  messagesIn(asked)
    .flatMap(partsOf)
    .flatMap((part) => part.image_url?.url ?? []);
const said = (asked: Asked) =>
  messagesIn(asked)
    .slice(1)
    .flatMap(partsOf)
    .flatMap(({ text }) => text ?? []);

/** The image that goes with the newest message. */
function imageIn(asked: Asked): Buffer {
  const url = partsOf(messagesIn(asked).at(-1) as Message).find(({ image_url }) => image_url)?.image_url?.url ?? '';
  expect(url).toMatch(/^data:image\/jpeg;base64,/);
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
}

/** A camera's picture: red at the left, blue at the right. */
async function redAndBlue(folder: string): Promise<string> {
  const path = join(folder, 'scene.y4m');
  const scene = 'color=red:s=320x480:r=10[a];color=blue:s=320x480:r=10[b];[a][b]hstack,noise=alls=8:allf=t,format=yuv420p';
  await execa('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', scene, '-t', '1', path]);
  return path;
}

async function coloursOf(image: Buffer): Promise<string[]> {
  const decoded = await loadImage(image);
  const context = createCanvas(decoded.width, decoded.height).getContext('2d');
  context.drawImage(decoded, 0, 0);
  return [0.25, 0.75].map((at) => {
    const [red = 0, , blue = 0] = context.getImageData(Math.floor(decoded.width * at), Math.floor(decoded.height / 2), 1, 1).data;
    return red > 2 * blue ? 'red' : blue > 2 * red ? 'blue' : 'neither';
  });
}

const pieceOf = (text: string, at: number): string => text.slice(Math.floor(text.length * at)).slice(0, 40);

async function contents(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'latin1')));
}
