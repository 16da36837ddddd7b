import { describe, expect, it } from 'vitest';
import { Reader, type Sense } from './sense.ts';

const english = new Reader('en-GB');

const SAID: Readonly<Record<Sense, readonly string[]>> = {
  finished: [
    'What is the weather like in Paris today?',
    'what is the weather like in paris today',
    'tell me a story',
    'I went to the market.',
    'i would like a cup of tea',
    'yes',
    'No.',
    'okay thanks',
    'What are you looking for?',
    'My number is five five five one two three four',
    'call 5551234',
    'stop',
    'Hello there.',
    'Thank you very much!',
  ],
  unsure: [
    'the weather',
    'a cup of tea',
    'I am twenty.',
    'log it in.',
    'I do.',
    'the code is 47',
    'what are you looking for',
    'apples bananas',
  ],
  unfinished: [
    '',
    '[cough]',
    'and then I',
    'And then I…',
    'And then I.',
    'I would like the',
    'um',
    'I think, um',
    'tell me, you know,',
    'apples, bananas,',
    'it costs twenty',
    'my number is five five five',
    'I wanted to -',
    'because',
    'what I mean is that my',
  ],
};

describe.each(Object.entries(SAID))('%s', (sense, texts) => {
  it.each(texts)('"%s"', (text) => {
    expect(english.sense(text)).toBe(sense);
  });
});

describe('other languages go by punctuation', () => {
  it.each([
    ['de', 'Wie spät ist es?', 'finished'],
    ['de', 'Wie spät ist es', 'unsure'],
    ['de', 'Ich möchte, ähm', 'unfinished'],
    ['de', 'Erstens,', 'unfinished'],
    ['fr', 'Je voudrais un café.', 'finished'],
    ['fr', 'Je voudrais euh', 'unfinished'],
    ['ja', '今日は天気がいいですね。', 'finished'],
    ['ja', '今日は、', 'unfinished'],
    ['ar', 'كيف حالك؟', 'finished'],
    ['xx', 'Anything at all', 'unsure'],
  ] as const)('%s: "%s"', (language, text, sense) => {
    expect(new Reader(language).sense(text)).toBe(sense);
  });
});
