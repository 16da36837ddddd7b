import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { clauses } from './clauses.ts';

async function cutUp(tokens: readonly string[], language = 'en'): Promise<string[]> {
  const texts: string[] = [];
  const stream = (async function* () {
    yield* tokens;
  })();
  for await (const clause of clauses(stream, { clock: new VirtualClock(), language, signal: new AbortController().signal })) {
    expect(clause.index).toBe(texts.length);
    texts.push(clause.text);
  }
  return texts;
}

const wordsIn = (text: string): number => text.split(/\s+/).length;

describe('the first clause', () => {
  it.each([
    ['Well, I am a talking avatar, and I live on this server.', 'Well, I am a talking avatar,'],
    ['I would love to help you but first tell me more.', 'I would love to help you'],
    ['The weather is lovely — go outside!', 'The weather is lovely —'],
    ['Once upon a time in a small village by the sea there lived a cat.', 'Once upon a time in a small village'],
    ['Nice to meet you. What shall we talk about?', 'Nice to meet you.'],
    ['Hi! How are you today? I am fine.', 'Hi! How are you today?'],
    [
      'Quite amazingly green elephants never forget several important birthdays each year.',
      'Quite amazingly green elephants never forget several important',
    ],
    ['Sure:\n1. Apples\n2. Pears', 'Sure:'],
    ['Dr. Smith lives at 3.14 Pi St. in the U.S. and is happy.', 'Dr. Smith lives at 3.14 Pi St.'],
  ])('of %j is %j', async (text, first) => {
    expect((await cutUp([text]))[0]).toBe(first);
  });

  it('has three to eight words for any plain sentence without punctuation', async () => {
    const word = fc.constantFrom('cat', 'in', 'and', 'with', 'tree', 'running', 'to', 'because', 'blue', 'the');
    await fc.assert(
      fc.asyncProperty(fc.array(word, { minLength: 9, maxLength: 40 }), async (words) => {
        const first = wordsIn((await cutUp([words.join(' ')]))[0] as string);
        expect(first).toBeGreaterThanOrEqual(3);
        expect(first).toBeLessThanOrEqual(8);
      }),
    );
  });

  it('comes before the rest of the reply', async () => {
    let given = 0;
    const tokens = (async function* () {
      for (const word of 'Nice to meet you, my friend. This is a long reply that goes on.'.match(/\S+\s*/g) as string[]) {
        given += 1;
        yield word;
      }
    })();
    const cut = clauses(tokens, { clock: new VirtualClock(), language: 'en', signal: new AbortController().signal });
    expect((await cut.next()).value).toEqual({ index: 0, text: 'Nice to meet you,' });
    expect(given).toBe(5);
    await cut.return();
  });
});

describe('the clauses after it', () => {
  const after = async (text: string, language = 'en'): Promise<string[]> =>
    (await cutUp([`Here you are:\n${text}`], language)).slice(1);

  it.each([
    ['sentences', 'This is one. This is two! Is this three?', ['This is one.', 'This is two!', 'Is this three?']],
    [
      'decimals and thousands',
      'Pi is 3.14 and a lot is 1,000.50 euros. Right?',
      ['Pi is 3.14 and a lot is 1,000.50 euros.', 'Right?'],
    ],
    [
      'abbreviations',
      'Dr. Jones, e.g. in the U.S. Army, met Mr. J. Smith at 5 p.m. today. He waved.',
      ['Dr. Jones, e.g. in the U.S. Army, met Mr. J. Smith at 5 p.m. today.', 'He waved.'],
    ],
    [
      'URLs and addresses',
      'See https://example.com/a.b?c=d,e. Or write to me.too@example.co.uk. Bye now.',
      ['See https://example.com/a.b?c=d,e.', 'Or write to me.too@example.co.uk.', 'Bye now.'],
    ],
    ['quotes', '“Really?” she asked. "It is." He left.', ['“Really?” she asked.', '"It is."', 'He left.']],
    ['lists', '1. Apples\n2. Pears and plums\n- Nuts', ['1. Apples', '2. Pears and plums', '- Nuts']],
    ['emoji', 'Well done! 🎉👩‍👩‍👧 See you 👋🏽', ['Well done! 🎉👩‍👩‍👧', 'See you 👋🏽']],
    [
      'markdown',
      '**It is bold.** And [a link, with a comma](https://x.org). Fine.',
      ['**It is bold.**', 'And [a link, with a comma](https://x.org).', 'Fine.'],
    ],
    ['ellipses', 'Well... maybe not. Wait… What now?', ['Well... maybe not.', 'Wait… What now?']],
    ['one word', 'Yes. I can do that.', ['Yes. I can do that.']],
  ])('keep %s whole', async (_, text, expected) => {
    expect(await after(text)).toEqual(expected);
  });

  it('end at CJK punctuation without spaces', async () => {
    expect(await after('你好，我是你的虚拟助手。今天天气很好！你想聊什么？', 'zh')).toEqual([
      '你好，我是你的虚拟助手。',
      '今天天气很好！',
      '你想聊什么？',
    ]);
    expect(await cutUp(['こんにちは、私はアバターです。「はい。」と言いました。'], 'ja')).toEqual([
      'こんにちは、私はアバターです。',
      '「はい。」と言いました。',
    ]);
  });

  it('end at Arabic and Hebrew punctuation', async () => {
    expect(await after('مرحبا، كيف حالك اليوم؟ أنا بخير.', 'ar')).toEqual(['مرحبا، كيف حالك اليوم؟', 'أنا بخير.']);
    expect(await after('שלום לכולם. מה שלומך?', 'he')).toEqual(['שלום לכולם.', 'מה שלומך?']);
  });

  it('are cut inside when a sentence is long', async () => {
    const cut = await after(`${'the river ran on and on past the mill, '.repeat(12)}and then it ended.`);
    expect(cut.length).toBeGreaterThan(2);
    for (const clause of cut.slice(0, -1)) expect(clause).toMatch(/,$/);
    for (const clause of cut) expect(clause.length).toBeLessThanOrEqual(180);
  });
});

describe('any text', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme-composite', maxLength: 12 }),
    fc.constantFrom(
      ...[
        'Hello',
        'world',
        ' ',
        ' ',
        ' ',
        '\n',
        '\n\n',
        '. ',
        ', ',
        '! ',
        '? ',
        '... ',
        '… ',
        ' and ',
        ' in ',
        '3.14',
        '1,000',
        'Dr. ',
        'e.g. ',
        'U.S. ',
      ],
      ...[
        'https://example.com/a?b=c',
        'me@example.org',
        '“quoted.” ',
        '(aside) ',
        '**bold** ',
        '- item\n',
        '1. one\n',
        '[link](http://x.y) ',
        '# Title\n',
      ],
      ...[
        '。',
        '！',
        '、',
        '，',
        '你好世界',
        'こんにちは',
        'สวัสดีครับ',
        'مرحبا، ',
        '؟ ',
        'שלום ',
        '😀',
        '👩‍👩‍👧‍👦',
        '🇫🇷',
        'e\u0301',
        'क्षि',
        '—',
        ' — ',
        '\u00a0',
      ],
      'x'.repeat(450),
      'é'.normalize('NFD').repeat(300),
      ' '.repeat(1_100),
    ),
  );
  const text = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(''));
  const chunked = (whole: string, sizes: readonly number[]): string[] => {
    const chunks: string[] = [];
    for (let at = 0, k = 0; at < whole.length; k += 1) {
      const size = sizes[k % sizes.length] as number;
      chunks.push(whole.slice(at, at + size));
      at += size;
    }
    return chunks;
  };

  it('is neither lost nor reordered, is cut between graphemes, and the same however it is chunked', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }), async (whole, sizes) => {
        const cut = await cutUp(chunked(whole, sizes));
        const starts = new Set(
          [...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(whole)].map(({ index }) => index),
        );
        let at = 0;
        for (const clause of cut) {
          while (!whole.startsWith(clause, at) && /\s/.test(whole[at] ?? '')) at += 1;
          expect(whole.slice(at, at + clause.length)).toBe(clause);
          expect(starts.has(at)).toBe(true);
          at += clause.length;
        }
        expect(whole.slice(at).trim()).toBe('');
        expect(cut).toEqual(await cutUp([whole]));
      }),
      { numRuns: 300 },
    );
  });

  it('is cut into clauses of bounded length', async () => {
    await fc.assert(
      fc.asyncProperty(text, async (whole) => {
        for (const clause of await cutUp([whole])) expect(clause.length).toBeLessThanOrEqual(464);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a slow model', () => {
  it('has what is there spoken at a word boundary after the flush time', async () => {
    const clock = new VirtualClock();
    let resume = (): void => undefined;
    const tokens = (async function* () {
      yield 'Let me thi';
      await new Promise<void>((resolve) => (resume = resolve));
      yield 'nk about that.';
    })();
    const texts: string[] = [];
    const done = (async () => {
      for await (const clause of clauses(tokens, { clock, language: 'en', signal: new AbortController().signal, flushMs: 700 }))
        texts.push(clause.text);
    })();
    await clock.advance(0);
    await clock.advance(690);
    expect(texts).toEqual([]);
    await clock.advance(20);
    expect(texts).toEqual(['Let me']);
    resume();
    await done;
    expect(texts).toEqual(['Let me', 'think about that.']);
  });

  it('does not hold up an abort', async () => {
    const abort = new AbortController();
    const silent: AsyncIterable<string> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) };
    const next = clauses(silent, { clock: new VirtualClock(), language: 'en', signal: abort.signal }).next();
    abort.abort();
    expect((await next).done).toBe(true);
  });

  it('that fails passes its error on', async () => {
    const tokens = (async function* () {
      yield 'Hello there, ';
      throw new Error('gone');
    })();
    const cut = clauses(tokens, { clock: new VirtualClock(), language: 'en', signal: new AbortController().signal });
    await expect(cut.next()).rejects.toThrow('gone');
  });
});
