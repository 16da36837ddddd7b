import { expect, test } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { TICKS_PER_FRAME } from '#base/media.ts';
import { openAiLlm } from '#server/llm/openai.ts';
import { patternRenderer } from '#server/render/pattern.ts';
import type { Renderer } from '#server/render/renderer.ts';
import { speak } from '#server/speech/speak.ts';
import { openAiTts } from '#server/tts/openai.ts';
import { chat } from './support/chat-wire.ts';
import { speech } from './support/speech-wire.ts';
import { startWire } from './support/wire.ts';

/** On a machine that others use too. */
const SOON = { timeout: 10_000 };

/** A renderer that counts, and takes a second for each second. */
function counting(): { renderer: Renderer; drawn: () => number; taken: () => number; ended: () => boolean } {
  const pattern = patternRenderer({ clock: systemClock, rtf: 0.9, freshFrames: 25, overlapFrames: 0 });
  let [drawn, taken, ended] = [0, 0, false];
  const renderer: Renderer = {
    name: 'counting',
    geometry: pattern.geometry,
    expectedRtf: pattern.expectedRtf,
    stamped: true,
    idle: (avatar, signal) => pattern.idle(avatar, signal),
    close: (reason) => pattern.close(reason),
    async *render(windows, request, signal) {
      async function* counted() {
        for await (const window of windows) {
          taken += 1;
          yield window;
        }
      }
      try {
        for await (const frame of pattern.render(counted(), request, signal)) {
          drawn += 1;
          yield frame;
        }
      } finally {
        ended = true;
      }
    },
  };
  return { renderer, drawn: () => drawn, taken: () => taken, ended: () => ended };
}

test.each(['the session aborts it', 'the stage lets go of it'])(
  'an utterance is over in all that makes it when %s: the model’s and the voice’s connections, and the window in flight',
  async (how) => {
    const [model, voice] = [
      await startWire(chat('Once there was a king, and he said, well, '.repeat(20), { everyMs: 15 })),
      await startWire(speech({ everyMs: 150 })),
    ];
    const access = {
      apiKey: 'sk',
      model: 'test',
      clock: systemClock,
      patience: { first: 5_000, between: 5_000, whole: 60_000 },
      failed: () => undefined,
    };
    const llm = openAiLlm({ ...access, baseUrl: `${model.url}/v1` });
    const tts = openAiTts({ ...access, baseUrl: `${voice.url}/v1`, voice: 'coral' });
    const { renderer, drawn, taken, ended } = counting();
    const abort = new AbortController();
    const { frames } = speak(
      { system: '', messages: [{ role: 'user', content: 'Tell me a story.' }], language: 'en' },
      { llm, tts, renderer, clock: systemClock },
      {
        voice: { language: 'en' },
        request: { avatar: 'any', idleFrame: 0 },
        signal: abort.signal,
        mark: () => undefined,
        renderFailed: () => undefined,
      },
    );
    let heard = 0;
    for await (const { sound } of frames) {
      heard += sound.length;
      if (taken() > 0 && heard >= 10 * TICKS_PER_FRAME) break;
      if (how === 'the session aborts it' && taken() > 0) abort.abort();
    }
    await expect.poll(() => ended(), SOON).toBe(true);
    const [pictures, windows, asked] = [drawn(), taken(), voice.asked.length];
    await expect.poll(() => model.asked.map(({ left }) => left), SOON).toEqual([true]);
    await expect.poll(() => voice.asked.at(-1)?.left, SOON).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    // Nothing more is made of it, not even the rest of the window that was being drawn.
    expect([drawn(), taken(), voice.asked.length]).toEqual([pictures, windows, asked]);
    expect(pictures).toBeLessThan(25 * windows);
    await Promise.all([model.kill(), voice.kill(), renderer.close('test over')]);
  },
);
