import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { AvatarError } from '#base/errors.ts';
import type { FailureKind } from '#base/failure.ts';
import type { Usage } from '#base/usage.ts';
import type { Stt, Transcript } from '#server/stt/stt.ts';
import type { Certificate } from '#test/support/certificate.ts';
import type { Script } from '#test/support/stt-scripts.ts';
import {
  dumb,
  http,
  hungUp,
  startSttWire,
  welcomePage,
  type Behaviour,
  type Call,
  type SttWire,
} from '#test/support/stt-wire.ts';

export const KEY = 'sk-planted-secret';
/** ms. */
export const WITHIN = 1_000;

export interface Around {
  readonly url: string;
  readonly failed: (kind: FailureKind) => void;
}

export interface Listener {
  readonly name: string;
  /** Hz, of the sound that its protocol carries. */
  readonly rate: number;
  readonly make: (around: Around) => Stt;
  readonly says: (script: Script) => Behaviour;
  /** It hears while somebody speaks. */
  readonly live: boolean;
  readonly certificate?: Certificate | undefined;
}

export interface Bench {
  readonly wire: SttWire;
  readonly stt: Stt;
  readonly failed: FailureKind[];
  readonly spent: Usage[];
  hear(pcm: AsyncIterable<Int16Array>, language?: string, signal?: AbortSignal): Promise<Transcript[]>;
  failure(): Promise<AvatarError>;
}

const open: { kill(): Promise<void>; stt: Stt }[] = [];

/** A recogniser against a server that speaks its wire protocol; gone when the test is. */
export async function benchOf(
  { make, certificate }: Pick<Listener, 'make' | 'certificate'>,
  ...behaviours: Behaviour[]
): Promise<Bench> {
  const wire = await startSttWire(behaviours, certificate);
  const failed: FailureKind[] = [];
  const spent: Usage[] = [];
  const stt = make({ url: wire.url, failed: (kind) => failed.push(kind) });
  open.push({ kill: () => wire.kill(), stt });
  const hear = (pcm: AsyncIterable<Int16Array>, language = 'en', signal = new AbortController().signal) =>
    Array.fromAsync(stt.transcribe(pcm, language, signal, (usage) => spent.push(usage)));
  const failure = async (): Promise<AvatarError> => {
    const error = await hear(phrase(0.5)).then(
      () => expect.fail('heard'),
      (thrown: unknown) => thrown as AvatarError,
    );
    expect(error).toMatchObject({ code: 'provider_failed', details: { provider: stt.name, part: 'stt' } });
    expect(JSON.stringify([error.message, error.details, error.cause ?? ''])).not.toContain('planted');
    return error;
  };
  return { wire, stt, failed, spent, hear, failure };
}

afterEach(async () => {
  await Promise.all(
    open.splice(0).map(async ({ kill, stt }) => {
      await stt.close('the test is over');
      await kill();
    }),
  );
});

/** So many seconds of a slow tone, 20 ms at a time; with `pace`, each piece after so many ms. */
export async function* phrase(seconds: number, pace?: number): AsyncGenerator<Int16Array> {
  for (let at = 0; at < seconds * 16_000; at += 320) {
    yield Int16Array.from({ length: 320 }, (_, n) => Math.round(8_000 * Math.sin((at + n) / 40)));
    if (pace !== undefined) await wait(pace);
  }
}

/** How long the sound of a call is, in seconds, without the silence that may follow it. */
export function heardSeconds({ sound }: Call, rate: number): number {
  return (sound.findLastIndex((sample) => sample !== 0) + 1) / rate;
}

/** What every recogniser of a provider has to hold, whatever its server does. */
export function listenerContract(listener: Listener): void {
  const { name, rate, says, live } = listener;
  const start = (...behaviours: Behaviour[]) => benchOf(listener, ...behaviours);
  const text = 'What is the weather like in Paris today?';
  const final = expect.objectContaining({ text, final: true }) as Transcript;

  describe(`${name} as a recogniser`, () => {
    it('hears a phrase whole and yields its text once, last; what was heard is counted', async () => {
      const { wire, hear, spent, failed } = await start(says({ text }));
      const heard = await hear(phrase(1.5));
      expect(heard.filter((one) => one.final)).toEqual([final]);
      expect(heard.at(-1)).toEqual(final);
      expect(wire.calls.filter(({ sound }) => sound.length > 0)).toHaveLength(1);
      expect(heardSeconds(wire.calls[0] as Call, rate)).toBeCloseTo(1.5, 2);
      expect(spent).toEqual([{ part: 'stt', provider: expect.any(String) as string, seconds: 1.5 }]);
      expect(failed).toEqual([]);
    });

    it('asks nobody about a phrase without sound', async () => {
      const { wire, hear } = await start(says({ text }));
      expect(await hear(phrase(0))).toEqual([{ text: '', final: true }]);
      expect(wire.calls).toHaveLength(0);
    });

    it('says so when no word was understood', async () => {
      const { hear } = await start(says({ text: '' }));
      expect((await hear(phrase(0.3))).at(-1)).toMatchObject({ text: '', final: true });
    });

    it.each<[string, Behaviour, FailureKind]>([
      ['is overloaded', http(500), 'overloaded'],
      ['is rate limited', http(429, {}, { 'retry-after': '0.05' }), 'rate_limited'],
      ['closes the connection', hungUp, 'unreachable'],
      ['never answers', dumb, 'timeout'],
      ['sends a web page', welcomePage, 'garbage'],
      ['sends no JSON', says({ text, raw: 'Hi there! {"' }), 'garbage'],
      ['sends other JSON', says({ text, raw: '{"type":7,"message_type":[],"text":null}' }), 'garbage'],
      ['never ends', says({ text, mumbles: true }), 'timeout'],
      ['is cut off in the middle of it', says({ text, cutAfter: 300 }), live ? 'cut' : 'unreachable'],
    ])('asks again when the provider %s, with the whole phrase', async (_name, first, kind) => {
      const { wire, hear, failed } = await start(first, says({ text }));
      const heard = await hear(phrase(1));
      expect(heard.filter((one) => one.final)).toEqual([final]);
      expect(failed).toEqual([kind]);
      expect(heardSeconds(wire.calls[1] as Call, rate)).toBeCloseTo(1, 2);
    });

    it('waits as long as it is told to', async () => {
      const { wire, hear } = await start(http(429, {}, { 'retry-after': '1' }), says({ text }));
      await hear(phrase(0.5));
      expect((wire.calls[1]?.at ?? 0) - (wire.calls[0]?.at ?? 0)).toBeGreaterThanOrEqual(990);
    });

    it('fails at once for a wrong key, and after three times for a provider that is down', async () => {
      const locked = await start(
        http(401, { error: { message: `no ${KEY}` }, detail: { status: 'invalid_api_key', message: KEY } }),
      );
      const error = await locked.failure();
      expect(error.details?.['kind']).toBe('wrong_key');
      expect(error.message).toMatch(/Check [A-Z]+_API_KEY/);
      expect(locked.wire.calls).toHaveLength(1);
      const quota = await start(http(429, { error: { code: 'insufficient_quota' }, detail: { status: 'quota_exceeded' } }));
      expect((await quota.failure()).details?.['kind']).toBe('quota');
      const down = await start(http(503));
      expect((await down.failure()).details?.['kind']).toBe('overloaded');
      expect(down.wire.calls).toHaveLength(3);
      expect((await down.failure()).details?.['kind']).toMatch(/overloaded|open/);
      expect((await down.failure()).details?.['kind']).toBe('open');
      expect(down.wire.calls).toHaveLength(5);
    });

    it('gives up after running into its limit of time twice', async () => {
      const { wire, failure, failed } = await start(dumb);
      expect((await failure()).details?.['kind']).toBe('timeout');
      expect([wire.calls.length, failed]).toEqual([2, ['timeout', 'timeout']]);
      await expect.poll(() => wire.calls.every(({ left }) => left)).toBe(true);
    });

    it('waits for what is late', async () => {
      const { hear, failed } = await start(says({ text, lateBy: WITHIN / 2 }));
      expect((await hear(phrase(0.5))).at(-1)).toEqual(final);
      expect(failed).toEqual([]);
    });

    it.each<[string, Behaviour]>([
      ['before it answers', dumb],
      ['while its text is awaited', says({ text, mumbles: true })],
    ])('closes its connection when it is aborted %s, ends quietly, and counts no failure', async (_name, behaviour) => {
      const { wire, hear, failed } = await start(behaviour);
      const abort = new AbortController();
      const hearing = hear(phrase(0.5), 'en', abort.signal);
      await expect.poll(() => wire.calls.length).toBe(1);
      await wait(50);
      abort.abort();
      expect((await hearing).filter((one) => one.final)).toEqual([]);
      await expect.poll(() => wire.calls[0]?.left).toBe(true);
      expect(failed).toEqual([]);
      expect(await hear(phrase(0.5), 'en', AbortSignal.abort())).toEqual([]);
    });

    it('leaves the microphone when it is aborted in the middle of a phrase, or left by its reader', async () => {
      const { stt, hear, wire } = await start(says({ text, partials: ['What', 'What is'] }));
      let left = 0;
      const endless = async function* (): AsyncGenerator<Int16Array> {
        try {
          yield* phrase(60, 5);
        } finally {
          left += 1;
        }
      };
      const abort = new AbortController();
      const hearing = hear(endless(), 'en', abort.signal);
      await wait(150);
      abort.abort();
      await hearing;
      await expect.poll(() => left).toBe(1);
      if (!live) return;
      for await (const _heard of stt.transcribe(endless(), 'en', new AbortController().signal)) break;
      await expect.poll(() => left).toBe(2);
      await stt.close('nothing more');
      await expect.poll(() => wire.calls.every((call) => call.left)).toBe(true);
    });
  });
}
