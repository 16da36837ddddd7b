import { expect, it } from 'vitest';
import { Phrase } from './phrase.ts';

const piece = (...samples: number[]): Int16Array => Int16Array.from(samples);

/** A microphone that is spoken into by hand. */
function microphone() {
  const waiting: Int16Array[] = [];
  const state = { over: false, left: false };
  let news = Promise.withResolvers<void>();
  const pcm = async function* (): AsyncGenerator<Int16Array> {
    try {
      for (;;) {
        const next = waiting.shift();
        if (next) yield next;
        else if (state.over) return;
        else {
          await news.promise;
          news = Promise.withResolvers();
        }
      }
    } finally {
      state.left = true;
    }
  };
  const say = (...samples: number[]): void => {
    waiting.push(piece(...samples));
    news.resolve();
  };
  const end = (): void => {
    state.over = true;
    news.resolve();
  };
  return { pcm: pcm(), say, end, state };
}

it('gives all of it to each reader, whenever it comes, and ends with it', async () => {
  const { pcm, say, end } = microphone();
  const phrase = Phrase.record(pcm);
  const early = Array.fromAsync(phrase.follow());
  say(1, 2);
  say();
  await phrase.begun;
  const late = Array.fromAsync(phrase.follow());
  say(3);
  end();
  await phrase.over;
  expect([await early, await late, await Array.fromAsync(phrase.follow())]).toEqual(
    Array.from({ length: 3 }, () => [piece(1, 2), piece(3)]),
  );
  expect([await phrase.whole(), phrase.length]).toEqual([piece(1, 2, 3), 3]);
});

it('is over at once when it is closed, and its source is left', async () => {
  const { pcm, say, state } = microphone();
  const phrase = Phrase.record(pcm);
  const reading = Array.fromAsync(phrase.follow());
  say(1);
  await phrase.begun;
  phrase.close();
  expect(await reading).toEqual([piece(1)]);
  await phrase.over;
  say(2);
  await expect.poll(() => state.left).toBe(true);
  expect(phrase.length).toBe(1);
});

it('leaves what lasts too long', async () => {
  const { pcm, say, state } = microphone();
  const phrase = Phrase.record(pcm, 1);
  for (let n = 0; n < 5; n += 1) say(...Array.from({ length: 8 }, () => n));
  await phrase.over;
  expect(await phrase.whole()).toHaveLength(16);
  await expect.poll(() => state.left).toBe(true);
});

it('is over when its source fails', async () => {
  const phrase = Phrase.record(
    (async function* () {
      yield piece(1);
      throw new Error('unplugged');
    })(),
  );
  await phrase.over;
  expect(await phrase.whole()).toEqual(piece(1));
});
