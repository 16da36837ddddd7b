import { expect, it } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { createLog } from '#base/log.ts';
import type { Llm } from '#server/llm/llm.ts';
import { instantRenderer } from '#server/speech/renderers.fixture.ts';
import type { Tts } from '#server/tts/tts.ts';
import { rehearse } from './rehearsal.ts';

const RATE = 16_000;
const llm: Llm = { name: 'silent', complete: () => (async function* () {})() };

/** A voice that says half a second of nothing, or fails. */
function voice(error?: Error): Tts & { readonly said: string[] } {
  const said: string[] = [];
  return {
    name: 'flite',
    rate: RATE,
    said,
    async *synthesize(clauses) {
      for await (const clause of clauses) {
        said.push(clause.text);
        if (error) throw error;
        yield { samples: new Int16Array(RATE / 2), rate: RATE, start: 0, clause, endOfClause: true };
      }
    },
  };
}

async function rehearsed({ flite = voice(), tts = flite, name = 'portrait' }: { flite?: Tts; tts?: Tts; name?: string } = {}) {
  const renderer = Object.assign(instantRenderer(), { name });
  const lines: string[] = [];
  const log = createLog('warn', { write: (line) => lines.push(line) });
  await rehearse('nora', { llm, tts, flite, renderer, clock: systemClock, log }, new AbortController().signal);
  return { windows: renderer.given.length, lines };
}

it('lets the embedded voice and the portrait make a line', async () => {
  const flite = voice();
  const { windows, lines } = await rehearsed({ flite });
  expect(windows).toBeGreaterThan(0);
  expect(lines).toEqual([]);
  expect(flite.said).toHaveLength(1);
});

it('asks no provider and no GPU for it', async () => {
  const tts = voice();
  expect(await rehearsed({ tts, flite: voice() })).toMatchObject({ windows: 0 });
  expect(await rehearsed({ flite: tts, name: 'remote' })).toMatchObject({ windows: 0 });
  expect(tts.said).toEqual([]);
});

it('survives a voice that fails, and says so', async () => {
  const { lines } = await rehearsed({ flite: voice(new Error('no ffmpeg')) });
  expect(lines.join()).toMatch(/failed at the rehearsal/);
});
