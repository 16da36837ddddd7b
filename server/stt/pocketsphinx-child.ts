import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { Broken } from '#base/failure.ts';
import { Queue } from '#base/queue.ts';
import type { Line } from './live.ts';
import { STT_RATE } from './stt.ts';

/** Lines that nobody has read yet: all of the longest phrase. */
const UNREAD = 4_096;
/** The model is loaded with the first sound, so some silence comes before the phrase. In samples. */
const BEFORE = STT_RATE / 25;

export interface Ffmpeg {
  /** A name on the path, or an absolute path. */
  readonly ffmpeg: string;
  /** The folder of an English model as Debian's pocketsphinx-en-us lays it out. */
  readonly model: string;
}

/** What its recogniser says: words, and how far it has listened, in samples of the phrase. */
export type Heard = { readonly words: string } | { readonly until: number };

/** An ffmpeg that hears one phrase, as it comes. It has loaded its model when it is ready, and is killed when it is closed. */
export function startRecogniser({ ffmpeg, model }: Ffmpeg): Line<Int16Array> {
  const messages = new Queue<unknown>(UNREAD);
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => undefined);
  // Colons and quotes mean something to a filter; a path that has them is told with its signs escaped twice.
  const at = (name: string): string => `${model}/${name}`.replace(/[\\':]/g, (sign) => `\\\\\\${sign}`);
  const recogniser = `asr=hmm=${at('en-us')}:dict=${at('cmudict-en-us.dict')}:lm=${at('en-us.lm.bin')}`;
  // Into the log, because a file would cut what it prints after 127 characters; ashowinfo tells of each piece once it was heard.
  const filters = `${recogniser},ametadata=mode=print,ashowinfo`;
  const atOnce = ['-probesize', '32', '-analyzeduration', '0'];
  const input = [...atOnce, '-f', 's16le', '-ar', String(STT_RATE), '-ac', '1', '-i', 'pipe:0'];
  const child = execa(ffmpeg, ['-v', 'info', '-nostats', '-hide_banner', ...input, '-af', filters, '-f', 'null', '/dev/null'], {
    stdin: 'pipe',
    stdout: 'ignore',
    buffer: false,
    reject: false,
    killSignal: 'SIGKILL',
  });
  let state: 'starting' | 'open' | 'closed' = 'starting';
  const fail = (error: Error): void => {
    if (state === 'closed') return;
    state = 'closed';
    messages.fail(error);
    ready.reject(error);
  };
  const hear = (line: string): void => {
    const heard = heardIn(line);
    if (!heard || state === 'closed') return;
    if (state === 'starting') state = 'open';
    ready.resolve();
    void messages.push(heard);
  };
  createInterface({ input: child.stderr }).on('line', hear);
  // It may be gone before all was said.
  child.stdin.on('error', () => undefined);
  child.stdin.write(new Uint8Array(BEFORE * 2));
  const ended = child.then(({ isTerminated }) => {
    const never = state === 'starting' && !isTerminated;
    fail(never ? new Broken('not_found', 'it did not start') : new Broken('cut', 'it ended'));
  });
  return {
    ready: ready.promise,
    messages,
    get isOpen() {
      return state !== 'closed';
    },
    send(samples) {
      child.stdin.write(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    },
    async close() {
      fail(new Broken('cut', 'it was closed'));
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function heardIn(line: string): Heard | undefined {
  const words = /^\[Parsed_ametadata\S* @ \w+\] lavfi\.asr\.text=(.*)$/.exec(line)?.[1];
  if (words !== undefined) return { words };
  const [, pts, count] = /^\[Parsed_ashowinfo\S* @ \w+\] n:\s*\d+ pts:\s*(\d+) .*\bnb_samples:\s*(\d+)/.exec(line) ?? [];
  return pts === undefined ? undefined : { until: Number(pts) + Number(count) - BEFORE };
}
