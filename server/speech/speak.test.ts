import { describe, expect, it } from 'vitest';
import { sleep, systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { EAR_RATE, type AvFrame } from '#base/media.ts';
import type { Llm, Prompt } from '#server/llm/llm.ts';
import { fliteTts } from '#server/tts/flite.ts';
import type { Tts } from '#server/tts/tts.ts';
import { recognise } from '#test/recognise.ts';
import { children } from '#test/support/processes.ts';
import { instantRenderer } from './renderers.fixture.ts';
import { concat } from './resample.ts';
import { say, speak, type SpeakOptions } from './speak.ts';

const prompt: Prompt = { system: '', messages: [{ role: 'user', content: 'Hello' }], language: 'en' };

/** A model that says `text`, word by word. */
const reciting = (text: string, msPerWord = 1): Llm => ({
  name: 'reciting',
  async *complete(_prompt, signal) {
    for (const word of text.match(/\s*\S+/g) ?? []) {
      await sleep(systemClock, msPerWord, signal);
      if (signal.aborted) return;
      yield word;
    }
  },
});

function voices(text: string, tts: Tts = fliteTts({ log: silentLog })) {
  return { llm: reciting(text), tts, renderer: instantRenderer(), clock: systemClock };
}

function options(signal = new AbortController().signal): SpeakOptions & { readonly marks: string[] } {
  const marks: string[] = [];
  return {
    marks,
    voice: { language: 'en' },
    request: { avatar: 'test', idleFrame: 0 },
    signal,
    mark: (stage) => marks.push(stage),
    renderFailed: (error) => {
      throw error;
    },
  };
}

const soundOf = (frames: readonly AvFrame[]): Buffer => {
  const sound = concat(frames.map((frame) => frame.sound));
  return Buffer.from(sound.buffer, sound.byteOffset, sound.byteLength);
};

describe('speak', () => {
  it('turns the model’s text into words that are heard, each 40 ms with its picture, captions as written', async () => {
    const text = 'What is the **weather** like in Paris today? 🌦️ I would like to go there by train.';
    const made = options();
    const { frames, outlook } = speak(prompt, voices(text), made);
    const all = await Array.fromAsync(frames);
    const heard = await recognise(soundOf(all), EAR_RATE);
    expect(heard).toContain('weather like in paris today');
    expect(heard).toContain('go there by train');
    expect(made.marks).toEqual(['firstToken', 'firstClause', 'firstAudio', 'firstWindow', 'firstFrame']);
    const captions = all.filter((frame) => frame.startOfClause).map((frame) => frame.clause.text);
    expect(captions.join(' ')).toBe(text);
    expect(all.at(-1)?.endOfClause).toBe(true);
    expect(outlook.ended).toBe(true);
    expect(outlook.known).toBe(all.length * 1_920);
  });

  it('says a text as it is', async () => {
    const { frames } = say('The quick brown fox jumps over the lazy dog.', voices(''), options());
    expect(await recognise(soundOf(await Array.fromAsync(frames)), EAR_RATE)).toContain('brown fox jumps over the lazy dog');
  });

  it('speaks nothing when there is nothing to say', async () => {
    for (const text of ['', '   ', '🎉', '…']) {
      const { frames, outlook } = say(text, voices(''), options());
      expect(await Array.fromAsync(frames)).toEqual([]);
      expect(outlook).toMatchObject({ known: 0, ended: true });
    }
  });

  it('gives the voice words in place of marks, and nothing for a clause without any', async () => {
    const given: string[] = [];
    const listening: Tts = {
      name: 'listening',
      rate: 16_000,
      async *synthesize(clauses) {
        for await (const clause of clauses) {
          given.push(clause.text);
          yield { samples: new Int16Array(640), rate: 16_000, start: 0, clause, endOfClause: true };
        }
      },
    };
    const { frames } = say('It costs **50%** more, you see\n\n---\n\n😀', voices('', listening), options());
    const captions = (await Array.fromAsync(frames)).map((frame) => frame.clause.text);
    expect(given).toEqual(['It costs 50 percent more,', 'you see', '']);
    expect(captions).toEqual(['It costs **50%** more,', 'you see', '---\n\n😀']);
  });

  it('has the first frames ready while the model is still talking', async () => {
    const made = voices('');
    let ended = false;
    const llm: Llm = {
      name: 'long-winded',
      async *complete(...args) {
        yield* reciting(`Nice to meet you, my friend. ${'This goes on for a while longer. '.repeat(8)}`, 60).complete(...args);
        ended = true;
      },
    };
    const { frames } = speak(prompt, { ...made, llm }, options());
    expect((await frames.next()).value?.frame).toBe(0);
    expect(ended).toBe(false);
    await frames.return();
  });

  it('leaves no child behind when it is aborted or left', async () => {
    const text = 'This is a sentence that goes on and on without an end in sight. '.repeat(30);
    const abort = new AbortController();
    const aborted = speak(prompt, voices(text), options(abort.signal)).frames;
    await aborted.next();
    abort.abort();
    while (!(await aborted.next()).done);
    const left = speak(prompt, voices(text), options()).frames;
    await left.next();
    await left.return();
    const deadline = systemClock.now() + 5_000;
    while (children(process.pid, 'ffmpeg').length > 0 && systemClock.now() < deadline) await sleep(systemClock, 10);
    expect(children(process.pid, 'ffmpeg')).toEqual([]);
  });

  it('passes on what the model or the voice complains of', async () => {
    const failing: Llm = {
      name: 'failing',
      async *complete() {
        yield await Promise.resolve('Hello there, my friend. And');
        throw new Error('quota exceeded');
      },
    };
    const { frames } = speak(prompt, { ...voices(''), llm: failing }, options());
    await expect(Array.fromAsync(frames)).rejects.toThrow('quota exceeded');
  });
});
