import { launchBrowser, SMALL } from '#test/support/browser.ts';
import { giveVoice, MICROPHONE_FLAGS } from '#test/support/host-voice.ts';
import { startServer } from '#test/support/server.ts';
import type { BenchResult } from './bench.ts';
import { EXCHANGES } from './conversation/exchanges.ts';
import { Host } from './conversation/host.ts';

/** A conversation of ten turns by voice in Chromium, with nothing configured: whether each goes as a person would expect. */
export async function run(): Promise<BenchResult> {
  const server = await startServer();
  const browser = await launchBrowser({ viewport: SMALL, flags: MICROPHONE_FLAGS });
  try {
    await giveVoice(browser);
    const host = await Host.open(server, browser);
    const rows: Record<string, string | number>[] = [];
    for (const [at, { host: does, expected, run: exchange }] of EXCHANGES.entries()) {
      const { understood, words, heard, back, wrong } = await exchange(host);
      rows.push({
        turn: at + 1,
        'the host': does,
        'the avatar': expected,
        understood,
        'words understood %': words,
        'words heard %': heard,
        'went back ms': back?.join(', ') ?? '',
        behaved: wrong.length === 0 ? 'yes' : `no: ${wrong.join('; ')}`,
      });
    }
    host.close();
    return {
      what: 'Ten turns by voice in Chromium with nothing configured: flite speaks into the page’s microphone, pocketsphinx listens in the server, and once more to what the page plays. The sentences are ones that it understands when flite says them.',
      goal: 'each turn as a person would expect',
      met: rows.every(({ behaved }) => behaved === 'yes'),
      rows,
    };
  } finally {
    await browser.close().catch(() => undefined);
    await server.stop();
  }
}
