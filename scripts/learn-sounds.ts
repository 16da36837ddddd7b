// Learns what the sounds of server/speech/align are like (likenesses.json) from sentences that flite says, which knows where its words are:
//   node scripts/learn-sounds.ts sentences.txt      one sentence a line; some hundred are plenty
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { pathThrough, type Likeness, type Stop } from '../server/speech/align/path.ts';
import { FIGURES, Spectrum } from '../server/speech/align/spectrum.ts';
import { soundsOf } from '../server/speech/align/spelling.ts';

/** flite's voices at 16 kHz. */
const VOICES = ['slt', 'rms', 'awb', 'kal16'];
const PARTS = 2;
const ROUNDS = 6;
/** What a sound is like is taken to be what all are like, as if that had been heard so many times. */
const DOUBT = 20;
/** No figure varies less than this share of how it varies over all sounds. */
const LEAST_VARIANCE = 0.1;
const LOOKS_PER_MS = 0.1;
const PAUSE = '_0';
const ANY = '?0';

interface Said {
  readonly words: readonly (readonly [string, number])[];
  readonly phones: readonly (readonly [string, number, number, number])[];
  readonly sound: string;
}

/** What was heard of one sound: how often, and the sums of its figures and their squares. */
class Heard {
  count = 0;
  readonly sums = new Float64Array(FIGURES);
  readonly squares = new Float64Array(FIGURES);

  add(figures: Float64Array, look = 0): void {
    this.count += 1;
    for (let figure = 0; figure < FIGURES; figure += 1) {
      const value = figures[look * FIGURES + figure] ?? 0;
      this.sums[figure] = (this.sums[figure] ?? 0) + value;
      this.squares[figure] = (this.squares[figure] ?? 0) + value ** 2;
    }
  }
}

interface SpokenWord {
  readonly figures: Float64Array;
  readonly sounds: ReturnType<typeof soundsOf>;
}

interface Model {
  readonly names: readonly string[];
  readonly likenesses: readonly (Likeness & { readonly variance: readonly number[] })[];
}

async function main(file: string): Promise<void> {
  const texts = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const words: SpokenWord[] = [];
  const pauses: Float64Array[] = [];
  const asked = VOICES.flatMap((voice) => texts.map((text) => ({ voice, text })));
  const { stdout } = await execa('/usr/bin/python3', ['scripts/flite-words.py', '--sound'], {
    input: JSON.stringify(asked),
    maxBuffer: 2 ** 31,
  });
  stdout.split('\n').forEach((line, at) => collect(JSON.parse(line) as Said, asked[at]?.text ?? '', words, pauses));
  let model = modelOf(evenly(words, pauses));
  for (let round = 0; round < ROUNDS; round += 1) model = modelOf(relearned(words, pauses, model));
  const lines = model.likenesses.map(({ middle, variance }, at) => {
    const figures = {
      middle: [...middle].map((one) => Number(one.toFixed(2))),
      variance: variance.map((one) => Number(one.toPrecision(3))),
    };
    return JSON.stringify({ name: model.names[at], ...figures });
  });
  const target = join(import.meta.dirname, '../server/speech/align/likenesses.json');
  writeFileSync(target, `[\n${lines.join(',\n')}\n]\n`);
  console.log(`${String(words.length)} words, ${String(lines.length)} likenesses → ${target}`);
}

/** Cuts a sentence into its words and pauses. One that flite takes for other words than are written is left out. */
function collect({ words: told, phones, sound }: Said, text: string, words: SpokenWord[], pauses: Float64Array[]): void {
  const written = text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  if (written.length !== told.length) return;
  const bytes = Buffer.from(sound, 'base64');
  const spectrum = new Spectrum();
  spectrum.push(new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2));
  const all = spectrum.figures();
  const between = (from: number, to: number): Float64Array =>
    all.subarray(Math.round(from * LOOKS_PER_MS) * FIGURES, Math.round(to * LOOKS_PER_MS) * FIGURES);
  written.forEach((word, at) => {
    const own = phones.filter(([, , , of]) => of === at);
    const figures = between(own[0]?.[1] ?? 0, own.at(-1)?.[2] ?? 0);
    const sounds = soundsOf(word);
    if (sounds.length > 0 && figures.length >= 4 * FIGURES) words.push({ figures, sounds });
  });
  for (const [name, from, to] of phones) if (name === 'pau' && to - from > 30) pauses.push(between(from + 10, to - 10));
}

/** To begin with, each word is shared out evenly among its sounds. */
function evenly(words: readonly SpokenWord[], pauses: readonly Float64Array[]): Map<string, Heard> {
  const heard = new Map<string, Heard>();
  for (const { figures, sounds } of words) {
    const looks = figures.length / FIGURES;
    for (let look = 0; look < looks; look += 1) {
      const part = Math.floor((look / looks) * sounds.length * PARTS);
      heardAs(heard, `${sounds[Math.floor(part / PARTS)]?.unit ?? ''}${String(part % PARTS)}`).add(figures, look);
    }
  }
  return addPauses(heard, pauses);
}

/** Then each look goes to the sound that it is most likely to be of. */
function relearned(words: readonly SpokenWord[], pauses: readonly Float64Array[], model: Model): Map<string, Heard> {
  const heard = new Map<string, Heard>();
  const numbers = new Map(model.names.map((name, at) => [name, at]));
  for (const { figures, sounds } of words) {
    const parts = sounds.flatMap(({ unit, mute }) =>
      Array.from({ length: PARTS }, (_, part) => ({ name: `${unit}${String(part)}`, mute })),
    );
    const stops: Stop[] = parts.map(({ name, mute }) => ({ sound: numbers.get(name) ?? 0, optional: mute, skip: -2 }));
    const way = pathThrough(stops, figures, model.likenesses, true);
    way?.forEach((stop, look) => {
      heardAs(heard, parts[stop]?.name ?? '').add(figures, look);
      heardAs(heard, ANY).add(figures, look);
    });
  }
  return addPauses(heard, pauses);
}

function addPauses(heard: Map<string, Heard>, pauses: readonly Float64Array[]): Map<string, Heard> {
  for (const pause of pauses) for (let look = 0; look < pause.length / FIGURES; look += 1) heardAs(heard, PAUSE).add(pause, look);
  return heard;
}

function heardAs(heard: Map<string, Heard>, name: string): Heard {
  const known = heard.get(name) ?? new Heard();
  heard.set(name, known);
  return known;
}

function modelOf(heard: ReadonlyMap<string, Heard>): Model {
  const names = [...heard.keys()].sort();
  const each = names.map((name) => heard.get(name) as Heard);
  const count = each.reduce((sum, one) => sum + one.count, 0);
  const usual = Array.from({ length: FIGURES }, (_, at) => each.reduce((sum, { sums }) => sum + (sums[at] ?? 0), 0) / count);
  const spread = usual.map((middle, at) => each.reduce((sum, { squares }) => sum + (squares[at] ?? 0), 0) / count - middle ** 2);
  const likenesses = each.map((one) => {
    const trust = one.count / (one.count + DOUBT);
    const own = [...one.sums].map((sum) => sum / one.count);
    const middle = Float64Array.from(own, (value, at) => trust * value + (1 - trust) * (usual[at] ?? 0));
    const variance = own.map((value, at) => {
      const [varied, all] = [(one.squares[at] ?? 0) / one.count - value ** 2, spread[at] ?? 0];
      return Math.max(LEAST_VARIANCE * all, trust * varied + (1 - trust) * all);
    });
    const precision = Float64Array.from(variance, (value) => 1 / value);
    return { middle, variance, precision, offset: variance.reduce((sum, value) => sum + Math.log(value), 0) };
  });
  return { names, likenesses };
}

await main(process.argv[2] ?? '');
