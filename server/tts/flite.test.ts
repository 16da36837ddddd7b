import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '#base/log.ts';
import type { Clause, PcmChunk } from '#base/media.ts';
import { recognise } from '#test/recognise.ts';
import { fliteTts } from './flite.ts';
import type { Tts } from './tts.ts';

const tts = fliteTts({ log: silentLog });
const english = { language: 'en' };

async function* asClauses(...texts: string[]): AsyncGenerator<Clause> {
  for (const [index, text] of texts.entries()) yield { index, text };
}

const spoken = (texts: string[], voice?: string): Promise<PcmChunk[]> =>
  Array.fromAsync(tts.synthesize(asClauses(...texts), { ...english, voice }, new AbortController().signal));

function soundOf(chunks: readonly PcmChunk[]): Int16Array {
  return Int16Array.from(chunks.flatMap((chunk) => [...chunk.samples]));
}

/** ffmpeg children of this process. */
async function children(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return stats.filter((stat) => new RegExp(`\\(ffmpeg\\) \\S ${String(process.pid)} `).test(stat));
}

describe('fliteTts', () => {
  it('speaks words that a recogniser hears', async () => {
    const sound = soundOf(await spoken(['What is the weather like in Paris today?']));
    const heard = await recognise(Buffer.from(sound.buffer), tts.rate);
    expect(heard).toContain('what is the weather like in paris today');
  });

  it('keeps the order and exact positions, and ends each clause once, also without sound', async () => {
    const chunks = await spoken(['Hello there.', '…', '', '你好', 'Good bye.']);
    const ends = chunks.filter((chunk) => chunk.endOfClause).map((chunk) => chunk.clause.index);
    expect(ends).toEqual([0, 1, 2, 3, 4]);
    for (const index of ends) {
      let at = 0;
      for (const chunk of chunks.filter((one) => one.clause.index === index)) {
        expect([chunk.start, chunk.rate]).toEqual([at, tts.rate]);
        at += chunk.samples.length;
      }
      expect(at > 0).toBe(index === 0 || index === 4);
    }
  });

  it('is not fooled by what a filter or a shell would read as its own', async () => {
    const tricky = `It's 5:00, a\\b; [c] 'd' "e" %{eif} $(touch x) \`y\` -- end`;
    expect(soundOf(await spoken([tricky])).length).toBeGreaterThan(tts.rate);
  });

  it('leaves a natural pause after a clause and starts at once', async () => {
    const sound = soundOf(await spoken(['Hello there my friend.']));
    const loud = [...sound.keys()].filter((i) => Math.abs(sound[i] as number) > 1_000);
    expect((loud[0] as number) / tts.rate).toBeLessThan(0.12);
    const after = (sound.length - (loud.at(-1) as number)) / tts.rate;
    expect(after).toBeGreaterThan(0.12);
    expect(after).toBeLessThan(0.3);
  });

  it('synthesises one clause ahead and no more', async () => {
    let pulled = 0;
    const clauses = (async function* () {
      for await (const clause of asClauses('One is here.', 'Two is here.', 'Three is here.', 'Four is here.')) {
        pulled += 1;
        yield clause;
      }
    })();
    const ahead: number[] = [];
    for await (const chunk of tts.synthesize(clauses, english, new AbortController().signal)) {
      if (chunk.endOfClause) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        ahead.push(pulled);
      }
    }
    expect(ahead).toEqual([2, 3, 4, 4]);
  });

  describe('leaves no child and no file', () => {
    const long = 'This is a long sentence that goes on and on. '.repeat(12);
    let folder: string;
    let tts: Tts;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'voice-'));
      tts = fliteTts({ folder, log: silentLog });
    });
    afterEach(async () => {
      expect(await children()).toEqual([]);
      expect(await readdir(folder)).toEqual([]);
      await rm(folder, { recursive: true });
    });

    it('when all is said', async () => {
      expect(await Array.fromAsync(tts.synthesize(asClauses('Hello there.'), english, new AbortController().signal))).not.toEqual(
        [],
      );
    });

    it('when aborted, and ends quietly', async () => {
      const abort = new AbortController();
      const chunks: PcmChunk[] = [];
      for await (const chunk of tts.synthesize(asClauses(long, long, long), english, abort.signal)) {
        if (chunks.push(chunk) === 1) {
          expect(await readdir(folder)).not.toEqual([]);
          abort.abort();
        }
      }
      expect(chunks.some(({ endOfClause }) => endOfClause)).toBe(false);
    });

    it('when aborted before the start, or while the next clause is awaited', async () => {
      expect(await Array.fromAsync(tts.synthesize(asClauses('Hello.'), english, AbortSignal.abort()))).toEqual([]);
      const abort = new AbortController();
      const clauses = (async function* () {
        yield { index: 0, text: 'Hello there.' };
        await new Promise(() => undefined);
      })();
      const ends: number[] = [];
      for await (const chunk of tts.synthesize(clauses, english, abort.signal)) {
        if (!chunk.endOfClause) continue;
        ends.push(chunk.clause.index);
        setTimeout(() => abort.abort(), 20);
      }
      expect(ends).toEqual([0]);
    });

    it('when its listener leaves', async () => {
      for await (const chunk of tts.synthesize(asClauses(long, long), english, new AbortController().signal)) {
        if (chunk.samples.length > 0) break;
      }
    });

    it('when ffmpeg or the clauses fail', async () => {
      const broken = fliteTts({ ffmpeg: 'false', folder, log: silentLog });
      const failing = broken.synthesize(asClauses(long, long), english, new AbortController().signal);
      await expect(Array.fromAsync(failing)).rejects.toMatchObject({ code: 'provider_failed' });
    });
  });

  it('speaks from the temporary folder where there is no memory to lie in', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'voice-'));
    vi.stubEnv('TMPDIR', folder);
    const homeless = fliteTts({ folder: '/nowhere', log: silentLog });
    for await (const _ of homeless.synthesize(asClauses('Hello there.'), english, new AbortController().signal)) {
      expect(await readdir(folder)).not.toEqual([]);
      break;
    }
    vi.unstubAllEnvs();
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  it('says what to install when there is no ffmpeg, and which voices there are', async () => {
    const without = fliteTts({ ffmpeg: '/nowhere/ffmpeg', log: silentLog });
    await expect(
      Array.fromAsync(without.synthesize(asClauses('Hi there.'), english, new AbortController().signal)),
    ).rejects.toMatchObject({
      code: 'provider_failed',
      message: expect.stringContaining('apt install ffmpeg') as string,
    });
    await expect(spoken(['Hi there.'], 'nobody')).rejects.toThrow('slt, kal, awb, rms, kal16');
  });

  it('passes on the error of its clauses after what came before it', async () => {
    const clauses = (async function* () {
      yield { index: 0, text: 'Hello there.' };
      throw new Error('model gone');
    })();
    const ended: number[] = [];
    const listen = async (): Promise<void> => {
      for await (const chunk of tts.synthesize(clauses, english, new AbortController().signal))
        if (chunk.endOfClause) ended.push(chunk.clause.index);
    };
    await expect(listen()).rejects.toThrow('model gone');
    expect(ended).toEqual([0]);
  });
});
