import { execa } from 'execa';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#base/clock.ts';
import type { FailureKind } from '#base/failure.ts';
import { children } from '#test/support/processes.ts';
import { pocketsphinxStt, type PocketsphinxOptions } from './pocketsphinx.ts';
import type { Stt, Transcript } from './stt.ts';

const WORDS = 'what is the weather like in paris today';

let sound: Int16Array;
let failed: FailureKind[];
let stt: Stt;

const open = (options: Partial<PocketsphinxOptions> = {}): Stt =>
  pocketsphinxStt({ within: 10_000, clock: systemClock, failed: (kind) => failed.push(kind), openFor: 60_000, ...options });

const recognisers = (): number[] => children(process.pid, 'ffmpeg');

/** 20 ms at a time, as fast as it is read. */
async function* spoken(samples: Int16Array): AsyncGenerator<Int16Array> {
  for (let at = 0; at < samples.length; at += 320) yield samples.subarray(at, at + 320);
}

const hear = (pcm: AsyncIterable<Int16Array>, language = 'en-GB', signal = new AbortController().signal): Promise<Transcript[]> =>
  Array.fromAsync(stt.transcribe(pcm, language, signal));

beforeAll(async () => {
  const flite = ['-f', 'lavfi', '-i', `flite=text=${WORDS}:voice=slt`];
  const { stdout } = await execa('ffmpeg', ['-v', 'error', ...flite, '-f', 's16le', 'pipe:1'], { encoding: 'buffer' });
  const whole = new Int16Array(Buffer.from(stdout).buffer);
  // Phrases end at once, not with the silence that flite pads with.
  sound = whole.subarray(0, whole.findLastIndex((sample) => Math.abs(sample) > 500) + 800);
});
beforeEach(() => {
  failed = [];
  stt = open();
});
afterEach(async () => {
  await stt.close('the test is over');
  await expect.poll(recognisers).toEqual([]);
});

describe('pocketsphinxStt', () => {
  it('hears a sentence word for word, time and again, with the next child ready before it is needed', async () => {
    stt.prepare('en');
    await expect.poll(recognisers).toHaveLength(1);
    const [ready] = recognisers();
    for (let n = 0; n < 2; n += 1) {
      const heard = await hear(spoken(sound));
      expect(heard.at(-1)).toEqual({ text: WORDS, final: true });
      expect(heard.filter(({ final }) => final)).toHaveLength(1);
      await expect.poll(() => recognisers().includes(ready as number)).toBe(false);
      await expect.poll(recognisers).toHaveLength(1);
    }
    expect(failed).toEqual([]);
  });

  it('keeps what is said around a pause together', async () => {
    const pause = new Int16Array(16_000);
    const both = Int16Array.from([...sound, ...pause, ...sound]);
    const heard = await hear(spoken(both));
    expect(heard.map((one) => one.text)).toEqual([WORDS, `${WORDS} ${WORDS}`, `${WORDS} ${WORDS}`]);
    expect(heard.map((one) => one.final)).toEqual([false, false, true]);
  });

  it('understands nothing in silence', async () => {
    expect(await hear(spoken(new Int16Array(8_000)))).toEqual([{ text: '', final: true }]);
  });

  it('hears phrases of several people at once, and lets those wait that are too many', async () => {
    await stt.close('another one');
    stt = open({ seats: 1 });
    const most: number[] = [];
    const watching = setInterval(() => most.push(recognisers().length), 20);
    const all = await Promise.all([hear(spoken(sound)), hear(spoken(sound))]);
    clearInterval(watching);
    expect(all.map((heard) => heard.at(-1)?.text)).toEqual([WORDS, WORDS]);
    // One that hears, and one that is ready for whoever comes next.
    expect(Math.max(...most)).toBeLessThanOrEqual(2);
  });

  it('says which language it understands', async () => {
    await expect(hear(spoken(sound), 'de-DE')).rejects.toMatchObject({
      code: 'provider_failed',
      message: expect.stringMatching(/English only.*"de-DE".*STT/) as string,
      details: { provider: 'pocketsphinx', part: 'stt', kind: 'refused' },
    });
    stt.prepare('de-DE');
    expect(recognisers()).toEqual([]);
  });

  it('kills its child when it is aborted in the middle of a phrase, ends quietly, and counts no failure', async () => {
    const abort = new AbortController();
    const endless = async function* (): AsyncGenerator<Int16Array> {
      yield* spoken(sound);
      await new Promise(() => undefined);
    };
    const hearing = hear(endless(), 'en', abort.signal);
    await expect.poll(recognisers).toHaveLength(1);
    const [hears] = recognisers();
    abort.abort();
    expect(await hearing).toEqual([]);
    await expect.poll(() => recognisers().includes(hears as number)).toBe(false);
    expect(failed).toEqual([]);
  });

  it('hears the phrase again with another child when one is killed', async () => {
    const killed = async function* (): AsyncGenerator<Int16Array> {
      yield* spoken(sound.subarray(0, 16_000));
      await expect.poll(recognisers).toHaveLength(1);
      process.kill(recognisers()[0] as number, 'SIGKILL');
      await expect.poll(() => failed).toEqual(['cut']);
      yield* spoken(sound.subarray(16_000));
    };
    expect((await hear(killed())).at(-1)).toEqual({ text: WORDS, final: true });
  });

  it.each<[string, Partial<PocketsphinxOptions>]>([
    ['no ffmpeg', { ffmpeg: '/nowhere/ffmpeg' }],
    ['no model', { model: '/nowhere/model' }],
  ])('says what to install when there is %s', async (_name, options) => {
    await stt.close('another one');
    stt = open(options);
    await expect(hear(spoken(sound))).rejects.toMatchObject({
      code: 'provider_failed',
      message: expect.stringMatching(/apt install ffmpeg pocketsphinx-en-us/) as string,
      details: { provider: 'pocketsphinx', part: 'stt', kind: 'not_found' },
    });
    expect(failed).toEqual(['not_found']);
  });

  it('gives up on a child that hangs', async () => {
    await stt.close('another one');
    // Takes any arguments and any sound, and never says a word.
    stt = open({ ffmpeg: `${import.meta.dirname}/../../test/fixtures/mute-program.mjs`, within: 300 });
    await expect(hear(spoken(sound))).rejects.toMatchObject({ details: { kind: 'timeout' } });
    expect(failed).toEqual(['timeout', 'timeout']);
  });
});
