import { afterEach, describe, expect, it } from 'vitest';
import type { AvatarError } from '#base/errors.ts';
import type { FailureKind } from '#base/failure.ts';
import type { Clause, PcmChunk } from '#base/media.ts';
import type { Usage } from '#base/usage.ts';
import type { Tts } from '#server/tts/tts.ts';
import { POSITION, SPEECH_RATE, type SpeechPace } from '#test/support/speech-wire.ts';
import { mute, slammed, startWire, status, webPage, type Answer, type Wire } from '#test/support/wire.ts';

export const KEY = 'sk-planted-secret';
export const PATIENCE = { first: 1_000, between: 1_000, whole: 10_000 };

export interface Around {
  readonly url: string;
  readonly failed: (kind: FailureKind) => void;
}

export interface Bench {
  readonly wire: Wire;
  readonly failed: FailureKind[];
  readonly spent: Usage[];
  say(...texts: string[]): Promise<PcmChunk[]>;
  failure(...texts: string[]): Promise<AvatarError>;
}

export async function* asClauses(...texts: string[]): AsyncGenerator<Clause> {
  for (const [index, text] of texts.entries()) yield { index, text };
}

export const soundOf = (chunks: readonly PcmChunk[], clause?: number): Int16Array =>
  Int16Array.from(
    chunks.filter((chunk) => clause === undefined || chunk.clause.index === clause).flatMap(({ samples }) => [...samples]),
  );

/** A voice against a server that speaks its wire protocol; gone when the test is. */
export async function benchOf(voice: (around: Around) => Tts, answers: Answer[]): Promise<Bench & { readonly tts: Tts }> {
  const wire = await startWire(...answers);
  open.push(wire);
  const failed: FailureKind[] = [];
  const spent: Usage[] = [];
  const tts = voice({ url: wire.url, failed: (kind) => failed.push(kind) });
  const say = (...texts: string[]): Promise<PcmChunk[]> =>
    Array.fromAsync(
      tts.synthesize(asClauses(...texts), { language: 'en' }, new AbortController().signal, (usage) => spent.push(usage)),
    );
  const failure = async (...texts: string[]): Promise<AvatarError> => {
    const error = await say(...texts).then(
      () => expect.fail('spoke'),
      (thrown: unknown) => thrown as AvatarError,
    );
    expect(error).toMatchObject({ code: 'provider_failed', details: { provider: tts.name, part: 'tts' } });
    expect(JSON.stringify([error.message, error.details, error.cause ?? ''])).not.toContain('planted');
    return error;
  };
  return { wire, tts, failed, spent, say, failure };
}

const open: Wire[] = [];

/** What every voice of a provider has to hold, whatever its server does. */
export function voiceContract(name: string, voice: (around: Around) => Tts, answer: (pace?: SpeechPace) => Answer): void {
  const start = (...answers: Answer[]) => benchOf(voice, answers);
  afterEach(async () => {
    await Promise.all(open.splice(0).map((wire) => wire.kill()));
  });

  describe(`${name} as a voice`, () => {
    const text = 'What is the weather like in Paris today?';

    it.each<[string, SpeechPace]>([
      ['cut anywhere', { bytes: 333 }],
      ['all at once', { bytes: 1_000_000 }],
      ['slowly', { bytes: 9_601, everyMs: 30 }],
    ])('gives exact samples and positions when they come %s', async (_name, pace) => {
      const { wire, say, spent, failed, tts } = await start(answer(pace));
      const chunks = await say(text, '…', 'Yes.');
      expect(chunks.filter((chunk) => chunk.endOfClause).map(({ clause }) => clause.index)).toEqual([0, 1, 2]);
      for (const index of [0, 1, 2]) {
        let at = 0;
        for (const chunk of chunks.filter(({ clause }) => clause.index === index)) {
          expect([chunk.start, chunk.rate]).toEqual([at, tts.rate]);
          at += chunk.samples.length;
        }
      }
      expectInOrder(soundOf(chunks, 0), text.length);
      expect(soundOf(chunks, 0)).toHaveLength((text.length * SPEECH_RATE) / 20);
      expect(soundOf(chunks, 1)).toHaveLength(0);
      expect(wire.asked).toHaveLength(2);
      expect(spent.map((usage) => usage.part === 'tts' && usage.characters)).toEqual([text.length, 4]);
      expect(failed).toEqual([]);
    });

    it('asks for the next clause while one is read, and for no more', async () => {
      const { wire, tts } = await start(answer({ bytes: 4_800, everyMs: 5 }));
      const ahead: number[] = [];
      const clauses = asClauses('One is here.', 'Two is here.', 'Three is here.', 'Four is here.');
      for await (const chunk of tts.synthesize(clauses, { language: 'en' }, new AbortController().signal)) {
        if (!chunk.endOfClause) continue;
        await expect.poll(() => wire.asked.length).toBeGreaterThanOrEqual(Math.min(4, chunk.clause.index + 2));
        await new Promise((resolve) => setTimeout(resolve, 50));
        ahead.push(wire.asked.length);
      }
      expect(ahead).toEqual([2, 3, 4, 4]);
    });

    it.each<[string, Answer, FailureKind]>([
      ['is overloaded', status(500), 'overloaded'],
      ['is rate limited', status(429, {}, { 'retry-after': '0.05' }), 'rate_limited'],
      ['closes the connection', slammed, 'unreachable'],
      ['never answers', mute, 'timeout'],
      ['sends a web page', webPage, 'garbage'],
      ['sends nothing', answer({ sound: new Uint8Array(0) }), 'garbage'],
      ['cuts the first piece off', answer({ cutAfter: 0 }), 'cut'],
    ])('asks again when the provider %s, and each clause is heard once', async (_name, first, kind) => {
      const { wire, say, failed } = await start(first, answer());
      const chunks = await say('Here I am.', 'Still here.');
      expectInOrder(soundOf(chunks, 0), 10);
      expectInOrder(soundOf(chunks, 1), 11);
      expect(failed).toEqual([kind]);
      expect(wire.asked).toHaveLength(3);
    });

    it('fails at once for a wrong key, and after three times for a provider that is down', async () => {
      const locked = await start(
        status(401, { error: { message: `no ${KEY}` }, detail: { status: 'invalid_api_key', message: KEY } }),
      );
      const error = await locked.failure('Hello.');
      expect(error.details?.['kind']).toBe('wrong_key');
      expect(error.message).toMatch(/Check [A-Z]+_API_KEY/);
      expect(locked.wire.asked).toHaveLength(1);
      const down = await start(status(503));
      expect((await down.failure('Hello.')).details?.['kind']).toBe('overloaded');
      expect(down.wire.asked).toHaveLength(3);
      expect((await down.failure('Hello.')).details?.['kind']).toMatch(/overloaded|open/);
      expect((await down.failure('Hello.')).details?.['kind']).toBe('open');
      expect(down.wire.asked).toHaveLength(5);
    });

    it('speaks the clauses before the one that fails', async () => {
      const { tts } = await start(answer(), status(503));
      const ended: number[] = [];
      const listen = async (): Promise<void> => {
        for await (const chunk of tts.synthesize(asClauses('One.', 'Two.'), { language: 'en' }, new AbortController().signal))
          if (chunk.endOfClause) ended.push(chunk.clause.index);
      };
      await expect(listen()).rejects.toMatchObject({ code: 'provider_failed' });
      expect(ended).toEqual([0]);
    });

    it('closes its connections when it is aborted or left, ends quietly, and counts no failure', async () => {
      const { wire, tts, failed } = await start(answer({ bytes: 480, everyMs: 10 }));
      const abort = new AbortController();
      const chunks: PcmChunk[] = [];
      for await (const chunk of tts.synthesize(asClauses(text, text, text), { language: 'en' }, abort.signal)) {
        if (chunks.push(chunk) === 3) abort.abort();
      }
      expect(chunks.some(({ endOfClause }) => endOfClause)).toBe(false);
      await expect.poll(() => wire.asked.map(({ left }) => left)).toEqual([true, true]);
      for await (const _chunk of tts.synthesize(asClauses(text, text), { language: 'en' }, new AbortController().signal)) break;
      await expect.poll(() => wire.asked.every(({ left }) => left)).toBe(true);
      wire.answers = [mute];
      const waiting = new AbortController();
      const silent = Array.fromAsync(tts.synthesize(asClauses(text), { language: 'en' }, waiting.signal));
      const before = wire.asked.length;
      await expect.poll(() => wire.asked.length).toBe(before + 1);
      waiting.abort();
      expect(await silent).toEqual([]);
      await expect.poll(() => wire.asked.every(({ left }) => left)).toBe(true);
      expect(failed).toEqual([]);
    });
  });
}

/** The whole text was heard once, from its beginning to its end, without a step back and without a leap of more than a character. */
export function expectInOrder(sound: Int16Array, characters: number, leap = 1): void {
  const at = [...sound].map((sample) => sample / POSITION);
  expect(at[0]).toBeLessThan(leap);
  expect(at.at(-1)).toBeGreaterThan(characters - leap - 0.1);
  for (let n = 1; n < at.length; n += 1) {
    const step = (at[n] ?? 0) - (at[n - 1] ?? 0);
    if (step < -0.02 || step > leap) expect.fail(`at sample ${n} of ${sound.length}: from character ${at[n - 1]} to ${at[n]}`);
  }
}
