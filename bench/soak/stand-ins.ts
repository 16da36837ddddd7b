import { sleep, type Clock } from '#base/clock.ts';
import { TICKS_PER_FRAME, type AvFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import type { Vad } from '#server/listening/vad.ts';
import type { Speech } from '#server/media/types.ts';
import type { Talk, Utterance } from '#server/sessions/ports.ts';
import { EchoTalk } from '#server/sessions/silent.fixture.ts';
import type { Stt } from '#server/stt/stt.ts';

/** Frames of each reply, and what it takes the model and the voice to begin one, ms. */
const REPLY = 150;
const BEGINS = 200;

/** Takes loud sound for speech. */
export const loudnessVad: Vad = {
  open: () => ({
    hear: (frame) => Promise.resolve(frame.some((sample) => Math.abs(sample) > 1_000) ? 1 : 0),
    close: () => undefined,
  }),
  close: () => Promise.resolve(),
};

/** Knows beforehand what each phrase will be. */
export const oracleStt = (clock: Clock, texts: string[]): Stt => ({
  name: 'oracle',
  async *transcribe(pcm, _language, signal) {
    const text = texts.shift() ?? '';
    for await (const _piece of pcm) if (signal.aborted) return;
    await sleep(clock, 100, signal);
    yield { text, final: true };
  },
  prepare: () => undefined,
  close: () => Promise.resolve(),
});

/** Answers everything with six seconds of hum in two clauses. */
export function hummingTalk(clock: Clock): Talk & EchoTalk {
  const hum = Int16Array.from({ length: TICKS_PER_FRAME }, (_, at) => 6_000 * Math.sin((2 * Math.PI * at) / 160));
  return Object.assign(new EchoTalk(), {
    speak(_prompt: unknown, { id, signal, mark }: Utterance): Speech {
      const outlook = new Outlook(0.1);
      async function* frames(): AsyncGenerator<AvFrame> {
        await sleep(clock, BEGINS, signal);
        if (signal.aborted) return;
        mark('firstClause');
        for (const endOfClause of [false, true]) outlook.hear((REPLY / 2) * TICKS_PER_FRAME, endOfClause || outlook.known === 0);
        outlook.ended = true;
        outlook.draw(REPLY);
        for (let frame = 0; frame < REPLY; frame += 1) {
          const [index, within] = [Math.floor((2 * frame) / REPLY), frame % (REPLY / 2)];
          const clause = { index, text: `Humming, part ${String(index + 1)}.` };
          const [startOfClause, endOfClause] = [within === 0, within === REPLY / 2 - 1];
          yield {
            frame,
            sound: hum,
            clause,
            startOfClause,
            endOfClause,
            picture: { width: 2, height: 2, data: new Uint8Array(6) },
          };
        }
      }
      return { utteranceId: id, outlook, frames: frames() };
    },
  });
}
