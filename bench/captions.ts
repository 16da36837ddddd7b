import { execa } from 'execa';
import { silentLog } from '#base/log.ts';
import type { Clause } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { hear } from '#server/speech/hear.ts';
import { speakable } from '#server/speech/speakable.ts';
import { WordTimes } from '#server/speech/word-times.ts';
import { fliteTts } from '#server/tts/flite.ts';
import { plain } from '#server/tts/flite-text.ts';
import truths from '#server/speech/align/truth.fixture.json' with { type: 'json' };
import { cpuSeconds, percentile, round, type BenchResult } from './bench.ts';

/** flite's voices, of which the likenesses were learned, from other sentences. */
const VOICES = ['slt', 'awb', 'rms', 'kal16'];
/** Samples of a millisecond, at 16 kHz. */
const MS = 16;
/** The silence before a clause is cut by so much at most, ms. */
const MOST_CUT = 500;
/** From the instant a word is due until it is on the screen, ms: half the client's tick, and half a refresh at 60 Hz. */
const SHOWN_AFTER = 16;
/** A word may be shown so long after its sound began, ms, and never before. */
const AT_MOST = 80;

const OTHERS = [
  "I'd recommend starting with the basics, and then working your way up.",
  'Paris is the capital of France, and it has about 2 million inhabitants.',
  'Okay, let me think about that for a second.',
  'First, preheat the oven to 200 degrees, then mix the flour with the sugar.',
  'Could you tell me a little more about what you are looking for?',
  'Our opening hours are Monday to Friday, from nine to five.',
  'Quantum computers use qubits, which can be in a superposition of states.',
  'Thank you very much for calling, and have a wonderful afternoon!',
  'Yesterday the engineers replaced the server, because its disk had failed again.',
  'We know that water boils at a hundred degrees Celsius at sea level.',
  'Is there anything else that I can help you with today?',
  'Unfortunately your appointment was cancelled, but we can find another one next week.',
];

interface Truth {
  readonly words: readonly (readonly [string, number])[];
  /** As flite said it, base64 of s16 at 16 kHz. */
  readonly sound: string;
}

/** When each word's caption is due and shown against its sound, over sentences said by flite, which knows where its words are. */
export async function run(): Promise<BenchResult> {
  const texts = [...new Set(truths.map(({ text }) => text)), ...OTHERS];
  const rows: Record<string, string | number>[] = [];
  const all: number[] = [];
  for (const voice of VOICES) {
    const asked = texts.map((text) => ({ voice, text: plain(speakable(text)) }));
    const { stdout } = await execa('/usr/bin/python3', ['scripts/flite-words.py', '--sound'], {
      input: JSON.stringify(asked),
      maxBuffer: 2 ** 28,
    });
    const truth = stdout.split('\n').map((line) => JSON.parse(line) as Truth);
    const { offsets, msPerSecond } = await measure(voice, texts, truth);
    all.push(...offsets);
    rows.push({ voice, ...spread(offsets), 'walk, CPU ms per s of voice': msPerSecond });
  }
  const good = shareOf(all, (offset) => offset >= 0 && offset <= AT_MOST);
  rows.push({ voice: 'all', ...spread(all) });
  return {
    what: `Each word's caption against the sound of the word (shown minus heard, ms; of a word that begins with p, t, k, b, d, g, ch or j its burst), in ${String(texts.length)} sentences that the likenesses weren't learned from. Shown = due + ${String(SHOWN_AFTER)} ms for tick and screen.`,
    goal: `≥ 90 % of words shown 0–${String(AT_MOST)} ms after their sound begins`,
    met: good >= 90,
    rows,
  };
}

async function measure(voice: string, texts: readonly string[], truth: readonly Truth[]) {
  const outlook = new Outlook(1);
  const times = new WordTimes('en', outlook);
  const clauses = texts.map((text, index): Clause => ({ index, text }));
  const tts = fliteTts({ log: silentLog });
  const spoken = (async function* () {
    for (const { index, text } of clauses) yield await Promise.resolve({ index, text: speakable(text) });
  })();
  const sound = tts.synthesize(spoken, { voice, language: 'en' }, new AbortController().signal);
  const written = new Map(clauses.map((clause) => [clause.index, clause]));
  const before = cpuSeconds(process.pid);
  let ticks = 0;
  const heard = clauses.map((): Int16Array[] => []);
  for await (const { ear, renderer, clause } of times.heard(hear(times.told(sound, written), tts.rate))) {
    ticks += ear.length;
    heard[clause.index]?.push(renderer);
  }
  const cpu = cpuSeconds(process.pid) - before;
  const offsets = clauses.flatMap(({ index }) => offsetsOf(outlook, index, truth[index] as Truth, heard[index] ?? []));
  return { offsets, msPerSecond: round((cpu * 1_000) / (ticks / 48_000)) };
}

/** Where flite takes a word for several, or several for one, the sentence can't be compared. */
function offsetsOf(outlook: Outlook, index: number, { words, sound }: Truth, heard: readonly Int16Array[]): number[] {
  const told = outlook.wordsOf(index)?.words ?? [];
  if (told.length !== words.length) return [];
  const bytes = Buffer.from(sound, 'base64');
  const whole = envelope([new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)]);
  const cut = shiftOf(whole, envelope(heard));
  return told.map(({ start }, word) => start / 48 + SHOWN_AFTER - ((words[word]?.[1] ?? NaN) - cut));
}

/** How loud each millisecond is. */
function envelope(parts: readonly Int16Array[]): number[] {
  const samples = parts.flatMap((part) => Array.from(part, Math.abs));
  return Array.from({ length: Math.floor(samples.length / MS) }, (_, ms) =>
    samples.slice(ms * MS, (ms + 1) * MS).reduce((sum, one) => sum + one, 0),
  );
}

/** How many ms of `whole` come before `part` begins. */
function shiftOf(whole: readonly number[], part: readonly number[]): number {
  let best = { shift: 0, off: Infinity };
  for (let shift = 0; shift <= MOST_CUT; shift += 1) {
    const off = part.reduce((sum, one, ms) => sum + Math.abs(one - (whole[ms + shift] ?? 0)), 0);
    if (off < best.off) best = { shift, off };
  }
  return best.shift;
}

const shareOf = (values: readonly number[], is: (value: number) => boolean): number =>
  round((100 * values.filter(is).length) / values.length);

const spread = (offsets: readonly number[]) => ({
  words: offsets.length,
  p5: round(percentile(offsets, 0.05)),
  p50: round(percentile(offsets, 0.5)),
  p95: round(percentile(offsets, 0.95)),
  '0–80 ms, %': shareOf(offsets, (offset) => offset >= 0 && offset <= AT_MOST),
  'before, %': shareOf(offsets, (offset) => offset < 0),
  'more than 50 ms before, %': shareOf(offsets, (offset) => offset < -50),
});
