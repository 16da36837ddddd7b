import { expect, it } from 'vitest';
import { sleep, VirtualClock, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { createLog } from '#base/log.ts';
import type { MicrophoneChunk } from '#base/media.ts';
import { Queue } from '#base/queue.ts';
import type { Stt } from '#server/stt/stt.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import type { Patience } from './act.ts';
import { Ear, type Conversation } from './ear.ts';
import type { Vad } from './vad.ts';

const CHUNK = 320;
const CHUNK_MS = 20;

/** Takes loud sound for speech, and `ms` for each answer. */
const loudnessVad = (clock: Clock, ms: number): Vad => ({
  open: () => ({
    async hear(frame) {
      if (ms > 0) await sleep(clock, ms);
      return frame.some((sample) => Math.abs(sample) > 1_000) ? 1 : 0;
    },
    close: () => undefined,
  }),
  close: () => Promise.resolve(),
});

/** Understands each phrase as the next of `texts`, once it is over; an error is thrown. */
function forgetfulStt(texts: (string | AvatarError)[]): Stt & { readonly heard: number[] } {
  const heard: number[] = [];
  return {
    name: 'forgetful',
    heard,
    async *transcribe(pcm) {
      let samples = 0;
      for await (const piece of pcm) samples += piece.length;
      heard.push(samples);
      const text = texts.shift() ?? '';
      if (text instanceof AvatarError) throw text;
      yield { text, final: true };
    },
    prepare: () => undefined,
    close: () => Promise.resolve(),
  };
}

/** An ear on a virtual clock with somebody who speaks in turns of loud sound and silence, and all it told. */
function listening(texts: (string | AvatarError)[], detectionMs = 0, patience: Patience = { finished: 250, unfinished: 1_200 }) {
  const clock = new VirtualClock();
  const stt = forgetfulStt(texts);
  const told: string[] = [];
  const conversation: Conversation = {
    listening: (on) => told.push(on ? 'listens' : 'leaves'),
    duck: () => told.push('duck'),
    unduck: () => told.push('unduck'),
    nod: () => told.push('nod'),
    interrupt: () => told.push('interrupt'),
    draft: (text) => {
      told.push(`draft ${text}`);
      return {
        confirm: (said) => Promise.resolve(told.push(`turn ${said}`)),
        discard: () => told.push('discard'),
      };
    },
    prompt: ({ text }, _trace, { lastVoicedAt, endOfTurnAt }) =>
      Promise.resolve(told.push(`turn ${text} after ${String(Math.round((endOfTurnAt - lastVoicedAt) / 50) * 50)}`)),
    hostCaption: ({ text, final }) => told.push(`${final ? 'caption' : 'partial'} ${text}`),
    deaf: ({ message }) => told.push(`deaf ${message}`),
  };
  const log = createLog('error', { write: () => undefined });
  const ear = Ear.open({
    vad: loudnessVad(clock, detectionMs),
    stt,
    language: 'en',
    patience,
    spend: () => undefined,
    clock,
    log,
    metrics: createMetrics(),
  });
  ear.serve(conversation);
  const microphone = new Queue<MicrophoneChunk>(1_000);
  ear.listen(microphone);
  const speak = async (ms: number, loud: boolean): Promise<void> => {
    for (let at = 0; at < ms; at += CHUNK_MS) {
      await clock.advance(CHUNK_MS);
      const samples = Int16Array.from({ length: CHUNK }, (_, i) => (loud ? 8_000 * Math.sin(i) : 0));
      await microphone.push({ samples, at: clock.now(), concealed: false });
      await clock.advance(0);
    }
  };
  return { ear, clock, microphone, speak, told, stt };
}

it('makes a turn of what the host says, with the sound of the whole phrase, a little before its voice included', async () => {
  const { ear, speak, told, stt } = listening(['what is the time?']);
  await speak(600, false);
  await speak(1_000, true);
  await speak(1_500, false);
  expect(told.filter((line) => !line.startsWith('draft'))).toEqual([
    'listens',
    'nod',
    'caption what is the time?',
    expect.stringMatching(/^turn what is the time\?/),
    'leaves',
  ]);
  expect(stt.heard).toHaveLength(1);
  expect((stt.heard[0] ?? 0) / 16).toBeGreaterThan(1_200);
  await ear.close('over');
});

it('is as patient as it is told to be', async () => {
  for (const [text, within, after] of [
    ['what is the time?', 250, 700],
    ['and then I', 700, 2_000],
  ] as const) {
    const { ear, speak, told } = listening([text], 0, { finished: 700, unfinished: 2_000 });
    const turns = (): string[] => told.filter((line) => line.startsWith('turn'));
    await speak(400, false);
    await speak(600, true);
    await speak(within + 100, false);
    expect(turns()).toEqual([]);
    await speak(after - within + 100, false);
    expect(turns()).toEqual([`turn ${text}`]);
    await ear.close('over');
  }
});

it('silences the avatar as soon as the host speaks, and lets it go on after a sign of listening', async () => {
  const { ear, speak, told } = listening(['mm-hm']);
  ear.avatar(true);
  await speak(400, false);
  await speak(300, true);
  expect(told).toEqual(['duck']);
  await speak(1_000, false);
  expect(told.filter((line) => /duck|interrupt|turn/.test(line))).toEqual(['duck', 'unduck']);
  await ear.close('over');
});

it('silences it in time, however long it has listened, though each answer of the voice detector is late', async () => {
  const { ear, speak, told } = listening(['mm-hm'], 100);
  await speak(20_000, false);
  ear.avatar(true);
  await speak(96 + 100 + 2 * 32, true);
  expect(told).toEqual(['duck']);
  await ear.close('over');
});

it('ends the avatar’s turn for words of one’s own', async () => {
  const { ear, speak, told } = listening(['no, I meant the other one.']);
  ear.avatar(true);
  await speak(400, false);
  await speak(1_500, true);
  await speak(1_500, false);
  const [first, second, ...rest] = told.filter((line) => /duck|interrupt|turn/.test(line));
  expect([first, second]).toEqual(['duck', 'interrupt']);
  expect(rest.at(-1)).toMatch(/^turn no, I meant the other one/);
  await ear.close('over');
});

it('says that it is deaf when a phrase can not be recognised, and hears the next one', async () => {
  const broken = new AvatarError('provider_failed', 'The recogniser is down.');
  const { ear, speak, told } = listening([broken, 'hello there.']);
  await speak(400, false);
  await speak(800, true);
  await speak(1_500, false);
  expect(told).toContain('deaf The recogniser is down.');
  await speak(800, true);
  await speak(1_500, false);
  expect(told.slice(-2)).toEqual([expect.stringMatching(/^turn hello there\./), 'leaves']);
  await ear.close('over');
});

it('brings what was begun to its end when the microphone goes away in the middle of it', async () => {
  const { ear, clock, speak, microphone, told } = listening(['this is all.']);
  await speak(400, false);
  await speak(900, true);
  microphone.end();
  for (let ms = 0; ms < 3_000; ms += 32) await clock.advance(32);
  expect(told.slice(-2)).toEqual([expect.stringMatching(/^turn this is all\./), 'leaves']);
  await ear.close('over');
});
