import { expect, it } from 'vitest';
import { dice, RATE, rms, sentences, toSamples } from '#test/fixtures/acoustics.ts';
import { FLOOR } from './act.ts';
import { EchoGuard } from './echo.ts';
import { PhraseCutter } from './phrases.ts';

const PIECE = 320;
const FRAME = 512;

/**
 * A viewer's jitter buffer, as Chromium's behaves on a machine with too much to do: in pauses its delay jumps, and within the voice it is taken back
 * by pieces of some 6 ms left out, each faded over.
 */
function buffered(spoken: readonly Float64Array[], seed: number): { sent: Float64Array; heard: Float64Array } {
  const roll = dice(seed);
  const length = spoken.reduce((sum, sentence) => sum + sentence.length + RATE, 2 * RATE);
  const [sent, heard] = [new Float64Array(length), new Float64Array(length)];
  let at = RATE / 2;
  for (const [index, sentence] of spoken.entries()) {
    sent.set(sentence, at);
    let lag = Math.round((0.25 + 0.15 * (index % 3) + 0.04 * roll()) * RATE);
    for (let place = 0; place < sentence.length; place += PIECE) {
      const isSkipping = index % 2 === 1 && place > RATE && place < 1.6 * RATE && (place / PIECE) % 4 === 0;
      for (let n = 0; n < PIECE; n += 1) {
        const fade = isSkipping ? n / PIECE : 0;
        const [now, next] = [sent[at + place + n] ?? 0, sent[at + place + n + 96] ?? 0];
        heard[at + place + n + lag] = 0.35 * ((1 - fade) * now + fade * next);
      }
      if (isSkipping) lag -= 96;
    }
    at += sentence.length + Math.round((0.7 + 0.3 * roll()) * RATE);
  }
  return { sent, heard };
}

it(
  'isn’t taken for a person where a jitter buffer changes its delay in pauses and within words',
  { timeout: 60_000 },
  async () => {
    const { sent, heard } = buffered(await sentences('slt', 6), 7);
    const roll = dice(8);
    const [out, back] = [toSamples(sent), toSamples(heard.map((sample) => sample + 4e-3 * (roll() - 0.5)))];
    const guard = new EchoGuard();
    const cutter = new PhraseCutter(FLOOR);
    const onsets: number[] = [];
    let voiced = 0;
    let piece = 0;
    for (let from = 0; from + FRAME <= back.length; from += FRAME) {
      for (; piece * PIECE <= from + FRAME; piece += 1) {
        const samples = out.slice(piece * PIECE, (piece + 1) * PIECE);
        if (samples.some((sample) => sample !== 0)) guard.sent(samples, 5_000 + piece * 20);
      }
      const at = 5_000 + (from + FRAME) / 16;
      const isVoice = rms(heard.subarray(from, from + FRAME)) > 4e-3;
      if (isVoice) voiced += 1;
      const { near } = guard.judge(back.slice(from, from + FRAME), at);
      if (cutter.frame(at, isVoice && near) instanceof Object) onsets.push(at);
    }
    expect(voiced).toBeGreaterThan(300);
    expect(onsets).toEqual([]);
  },
);
