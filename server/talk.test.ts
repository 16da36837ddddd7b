import { expect, test } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import type { Face } from '#server/avatars/face.ts';
import { Phrases } from '#server/avatars/phrases.ts';
import type { Stage } from '#server/media/stage.ts';
import { patternRenderer } from '#server/render/pattern.ts';
import type { Utterance } from '#server/sessions/ports.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { Spending } from '#server/telemetry/spending.ts';
import type { Tts } from '#server/tts/tts.ts';
import type { Foundation } from './foundation.ts';
import { talkOf } from './talk.ts';

/** An avatar whose voice notes what it is given to say. */
async function talking(request: { language?: string; voice?: string }, fills = true) {
  const said: { text: string; voice: string | undefined; language: string }[] = [];
  const tts: Tts = {
    name: 'noting',
    rate: 16_000,
    async *synthesize(clauses, { voice, language }) {
      for await (const clause of clauses) {
        said.push({ text: clause.text, voice, language });
        yield { samples: new Int16Array(3_200).fill(500), rate: 16_000, start: 0, clause, endOfClause: true };
      }
    },
  };
  const metrics = createMetrics();
  const foundation = {
    tts,
    flite: tts,
    llm: { name: 'none', complete: () => expect.fail('nobody asks') },
    renderer: patternRenderer({ clock: systemClock }),
    phrases: new Phrases({ log: silentLog, metrics }),
    spending: new Spending({ llm: undefined, tts: undefined, stt: undefined }, metrics),
    historyTokens: 100,
    fills,
    clock: systemClock,
    metrics,
  } as unknown as Foundation;
  const stage = { idleFrameIn: () => 0, idleBefore: () => Promise.resolve([]) } as unknown as Stage;
  const face = { id: 'face', key: 'face', name: 'Face', kind: 'image' } as unknown as Face;
  const talk = await talkOf(foundation, { avatar: face, request, sessionId: 's', stage, loop: 50, log: silentLog });
  const fill = async (): Promise<string | undefined> => {
    const { signal } = new AbortController();
    const utterance: Utterance = {
      id: 'u',
      traceId: 't',
      language: 'en',
      voice: request.voice,
      signal,
      mark: () => undefined,
      spent: {},
    };
    const speech = talk.filler({ ...utterance, language: request.language ?? 'en' });
    const texts = new Set<string>();
    if (!speech) return undefined;
    for await (const { clause } of speech.frames) texts.add(clause.text);
    return [...texts].join(' ');
  };
  return { fill, said };
}

test('fillers are said in turn, in the session’s language and voice, and made once', async () => {
  const { fill, said } = await talking({ language: 'de-DE', voice: 'anna' });
  const heard: (string | undefined)[] = [];
  for (let n = 0; n < 6; n += 1) heard.push(await fill());
  expect(heard).toEqual([...heard.slice(0, 3), ...heard.slice(0, 3)]);
  expect(new Set(heard).size).toBe(3);
  expect(heard).toContain('Hm, mal sehen.');
  expect(said.map(({ text }) => text)).toEqual(heard.slice(0, 3));
  expect(said.every(({ voice, language }) => voice === 'anna' && language === 'de-DE')).toBe(true);
});

test('none in a language that has none, and none where they are switched off', async () => {
  expect(await (await talking({ language: 'fi' })).fill()).toBeUndefined();
  expect(await (await talking({}, false)).fill()).toBeUndefined();
});
