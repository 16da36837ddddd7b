import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import type { Page } from 'playwright-core';
import { launchBrowser } from '#test/support/browser.ts';
import { giveVoice, MICROPHONE_FLAGS, spoken, turnOn, utter } from '#test/support/host-voice.ts';
import { startServer } from '#test/support/server.ts';

/** Draws docs/images/listening.png: what a viewer of the running product sees while somebody speaks, thinks aloud, and is answered. */
const FILE = new URL('../docs/images/listening.png', import.meta.url);
const CELL = 176;
const LABEL = 22;
const COLUMNS = 8;
const ROWS = 4;
/** Between two pictures, ms. */
const EACH = 200;

interface Cell {
  readonly state: string;
  readonly picture: string;
}

/** What the page shows, again and again. */
function watch(page: Page, count: number): Promise<Cell[]> {
  return page.evaluate(
    async ({ count, each, side }) => {
      const video = document.querySelector('video') as HTMLVideoElement;
      const canvas = Object.assign(document.createElement('canvas'), { width: side, height: side });
      const cells: Cell[] = [];
      const start = performance.now();
      while (cells.length < count) {
        await new Promise((resolve) => setTimeout(resolve, start + cells.length * each - performance.now()));
        canvas.getContext('2d')?.drawImage(video, 0, 0, side, side);
        const mood = document.querySelector<HTMLElement>('.mood');
        const state = `${mood?.textContent ?? ''}${mood?.dataset['hears'] === 'true' ? ' to the host' : ''}`;
        cells.push({ state, picture: canvas.toDataURL('image/png') });
      }
      return cells;
    },
    { count, each: EACH, side: CELL },
  );
}

async function sheet(cells: readonly Cell[]): Promise<Buffer> {
  const canvas = createCanvas(COLUMNS * CELL, ROWS * (CELL + LABEL));
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#222';
  context.font = '12px sans-serif';
  for (const [at, { state, picture }] of cells.entries()) {
    const [x, y] = [(at % COLUMNS) * CELL, Math.floor(at / COLUMNS) * (CELL + LABEL)];
    context.drawImage(await loadImage(Buffer.from(picture.slice(picture.indexOf(',') + 1), 'base64')), x, y);
    context.fillText(`${((at * EACH) / 1_000).toFixed(1)} s  ${state}`, x + 4, y + CELL + 15);
  }
  return canvas.encode('png');
}

const server = await startServer({ EXPRESSIONS: 'on' });
const browser = await launchBrowser({ flags: MICROPHONE_FLAGS, viewport: { width: 900, height: 700 } });
try {
  await giveVoice(browser);
  const session = await server.createSession({});
  const page = await browser.open(session.urls.page);
  const folder = join(server.dataDir, 'idle');
  const isDrawn = async (): Promise<boolean> => (await readdir(folder).catch(() => [])).some((name) => name.endsWith('.reel'));
  while (!(await isDrawn())) await sleep(200);
  await turnOn(page);
  const [first, second] = await Promise.all([spoken('I was walking home and then I'), spoken('what is the time')]);
  await sleep(1_000);
  const watching = watch(page, COLUMNS * ROWS);
  await sleep(600);
  await utter(page, first);
  await sleep(700);
  await utter(page, second);
  await writeFile(FILE, await sheet(await watching));
} finally {
  await browser.close();
  await server.stop();
}
