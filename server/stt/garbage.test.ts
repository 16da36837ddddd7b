import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Broken } from '#base/failure.ts';
import { openAiClient } from '#base/openai.ts';
import { scribe } from './elevenlabs-scribe.ts';
import type { Reader } from './live.ts';
import { openAiRealtime } from './openai-realtime.ts';
import type { Transcript } from './stt.ts';

const OPENAI = 'conversation.item.input_audio_transcription';
const openAi = openAiRealtime(openAiClient({ apiKey: undefined, baseUrl: undefined }), 'any');
const elevenLabs = scribe({ apiKey: undefined, baseUrl: undefined, model: 'any' });

const word = fc.stringMatching(/^[a-z]{1,6}$/);
const odd = fc.oneof(fc.jsonValue(), fc.constantFrom('toString', '__proto__', 'constructor', ''), fc.double(), fc.string());

const openAiMessage = fc.record(
  {
    type: fc.oneof(
      fc.constantFrom(`${OPENAI}.delta`, `${OPENAI}.completed`, `${OPENAI}.failed`, 'input_audio_buffer.committed', 'error'),
      odd,
    ),
    item_id: fc.oneof(fc.constantFrom('a', 'b'), odd),
    delta: fc.oneof(word, odd),
    transcript: fc.oneof(word, odd),
    error: fc.oneof(fc.record({ type: odd, code: odd, message: odd }, { requiredKeys: [] }), odd),
  },
  { requiredKeys: [] },
);

const scribeMessage = fc.record(
  {
    message_type: fc.oneof(
      fc.constantFrom(
        'partial_transcript',
        'committed_transcript',
        'committed_transcript_with_timestamps',
        'commit_throttled',
        'auth_error',
        'session_started',
      ),
      odd,
    ),
    text: fc.oneof(word, odd),
    words: fc.oneof(
      fc.array(fc.record({ text: odd, start: odd, end: odd, type: odd }, { requiredKeys: [] }), { maxLength: 3 }),
      odd,
    ),
  },
  { requiredKeys: [] },
);

/** What is understood of `messages`, the last of which come once the phrase is over. */
function read(reader: Reader, messages: readonly unknown[], over: number): Transcript[] {
  return messages.flatMap((message, n) => {
    try {
      return reader.hear(message, n < over ? undefined : 16_000) ?? [];
    } catch (error) {
      expect(error).toBeInstanceOf(Broken);
      expect((error as Broken).kind).toMatch(/^[a-z_]+$/);
      expect((error as Broken).message).toMatch(/^[\w .()'-]+$/);
      return [];
    }
  });
}

function expectTranscripts(heard: readonly Transcript[]): void {
  for (const { text, final, words } of heard) {
    expect([typeof text, typeof final]).toEqual(['string', 'boolean']);
    for (const one of words ?? []) expect(one.startMs >= 0 && one.endMs >= one.startMs && one.text !== '').toBe(true);
  }
}

describe.each([
  ['OpenAI', openAi, openAiMessage],
  ['ElevenLabs', elevenLabs, scribeMessage],
] as const)('what %s says', (_name, dialect, message) => {
  it('is understood or refused, whatever it is', () => {
    const messages = fc.array(fc.oneof(message, odd), { maxLength: 12 });
    fc.assert(
      fc.property(messages, fc.nat(12), (all, over) => {
        const heard = read(dialect.reader(), all, over);
        expectTranscripts(heard);
        // Nothing is final before the phrase is over.
        expect(read(dialect.reader(), all, all.length).some(({ final }) => final)).toBe(false);
      }),
    );
  });
});

describe('the final text is what was said, whatever is said twice, left out or in between', () => {
  const parts = fc.array(fc.array(word, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
  const textOf = (words: readonly (readonly string[])[]): string => words.flat().join(' ');

  it('by OpenAI', () => {
    fc.assert(
      fc.property(parts, fc.infiniteStream(fc.nat(3)), (items, dice) => {
        const roll = (): number => dice.next().value as number;
        const messages = items.flatMap((words, n) => {
          const item_id = `item ${n}`;
          const deltas = words.map((delta) => ({ type: `${OPENAI}.delta`, item_id, delta }));
          const completed = { type: `${OPENAI}.completed`, item_id, transcript: words.join(' ') };
          const last = n === items.length - 1 && roll() > 0 ? [{ type: 'input_audio_buffer.committed', item_id }] : [];
          return [
            ...deltas.slice(roll()),
            { type: 'rate_limits.updated' },
            ...last,
            completed,
            ...(roll() === 0 ? [completed] : []),
          ];
        });
        const final = read(openAi.reader(), messages, messages.findIndex(isOf(items.length - 1))).find((one) => one.final);
        expect(final?.text).toBe(textOf(items));
      }),
    );
  });

  it('by ElevenLabs', () => {
    fc.assert(
      fc.property(parts, fc.infiniteStream(fc.nat(3)), (items, dice) => {
        const roll = (): number => dice.next().value as number;
        // Two parts that are the same and follow each other are taken for one.
        fc.pre(items.every((words, n) => words.join() !== items[n - 1]?.join()));
        let at = 0;
        let over = 0;
        const messages: unknown[] = [];
        items.forEach((words, n) => {
          const text = words.join(' ');
          const timed = {
            message_type: 'committed_transcript_with_timestamps',
            text,
            words: words.map((one) => ({ text: one, start: at, end: (at += 0.2), type: 'word' })),
          };
          if (n === items.length - 1) over = messages.length;
          for (let k = 1; k <= words.length; k += 1)
            messages.push({ message_type: 'partial_transcript', text: words.slice(0, k).join(' ') });
          messages.push({ message_type: 'committed_transcript', text }, { message_type: 'warning' });
          if (roll() === 0) messages.push({ message_type: 'committed_transcript', text });
          if (n < items.length - 1 && roll() === 0) return;
          messages.push(timed);
          if (roll() === 0) messages.push(timed);
        });
        const final = read(elevenLabs.reader(), messages, over).find((one) => one.final);
        expect(final?.text).toBe(textOf(items));
      }),
    );
  });
});

const isOf =
  (item: number) =>
  (message: object): boolean =>
    'item_id' in message && message.item_id === `item ${item}`;
