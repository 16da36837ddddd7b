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

/** flite's voices, with the loudest sample of their own silence; the likenesses were learned from the first four, from other sentences. */
const VOICES = { slt: 100, awb: 200, rms: 80, kal16: 150 } as const;
/** What is kept of the silence before a clause, ms. */
const KEPT_BEFORE = 40;
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
  readonly first: number;
  readonly rate: number;
}

/** When each word's caption is due and shown against its sound, over sentences said by flite, which knows where its words are. */
export async function run(): Promise<BenchResult> {
  const texts = [...new Set(truths.map(({ text }) => text)), ...OTHERS];
  const rows: Record<string, string | number>[] = [];
  const all: number[] = [];
  for (const [voice, hush] of Object.entries(VOICES)) {
    const asked = texts.map((text) => ({ voice, hush, text: plain(speakable(text)) }));
    const { stdout } = await execa('/usr/bin/python3', ['scripts/flite-words.py'], { input: JSON.stringify(asked) });
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
  for await (const { ear } of times.heard(hear(times.told(sound, written), tts.rate))) ticks += ear.length;
  const cpu = cpuSeconds(process.pid) - before;
  const offsets = clauses.flatMap(({ index }) => offsetsOf(outlook, index, truth[index] as Truth));
  return { offsets, msPerSecond: round((cpu * 1_000) / (ticks / 48_000)) };
}

/** Where flite takes a word for several, or several for one, the sentence can't be compared. */
function offsetsOf(outlook: Outlook, index: number, { words, first, rate }: Truth): number[] {
  const told = outlook.wordsOf(index)?.words ?? [];
  if (told.length !== words.length) return [];
  const cut = Math.max(0, (first * 1_000) / rate - KEPT_BEFORE);
  return told.map(({ start }, word) => start / 48 + SHOWN_AFTER - ((words[word]?.[1] ?? NaN) - cut));
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
