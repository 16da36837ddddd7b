import { sentences } from '#test/fixtures/acoustics.ts';
import { play, type Scene } from '#test/fixtures/echo-scene.ts';
import { percentile, round, type BenchResult } from './bench.ts';

/** s of the avatar alone, and of a person talking over it, in each cell. */
const ALONE = 70;
const TOGETHER = 40;
const LEVELS = [-6, -12, -20];
const DELAYS = [50, 200, 400];
const REVERBS = [0.2, 0.4, 0.6];
const PERSONS = [-6, 0, 6];
/** ms from a person's first sound to the duck, and to an interruption that counts as heard. */
const SOON = 200;
const HEARD = 2_500;
/** A frame's length, µs. */
const FRAME_US = 32_000;

type Cell = Pick<Scene, 'echoDb' | 'delays' | 'rt60' | 'clipDb' | 'noiseDb' | 'personDb'> & { readonly name: string };

/** Each level in each reverberation, each with another delay; and what makes it harder. */
const CELLS: readonly Cell[] = [
  ...LEVELS.flatMap((echoDb, level) =>
    REVERBS.map((rt60, reverb): Cell => ({
      name: 'plain',
      echoDb,
      rt60,
      delays: [{ from: 0, ms: DELAYS[(level + reverb) % 3] ?? 0 }],
    })),
  ),
  { name: 'loudspeaker clips', echoDb: -6, rt60: 0.3, delays: [{ from: 0, ms: 150 }], clipDb: 3 },
  { name: 'noise at −50 dB', echoDb: -12, rt60: 0.3, delays: [{ from: 0, ms: 250 }], noiseDb: -50 },
  {
    name: 'delay jumps each 10 s',
    echoDb: -12,
    rt60: 0.3,
    delays: Array.from({ length: 8 }, (_, at) => ({ from: at * 10_000, ms: 120 + ((at * 70) % 180) })),
  },
  { name: 'no echo (headphones)', echoDb: -80, rt60: 0.2, delays: [{ from: 0, ms: 100 }] },
];

/** People who talked over the avatar, and those who were heard. */
class Tally {
  #all = 0;
  #heard = 0;

  add(interruptedAfter: readonly number[]): void {
    this.#all += interruptedAfter.length;
    this.#heard += interruptedAfter.filter((ms) => ms < HEARD).length;
  }

  get share(): number {
    return this.#heard / this.#all;
  }

  toString(): string {
    return `${String(this.#heard)}/${String(this.#all)}`;
  }
}

const column = (personDb: number): string => `heard at ${personDb > 0 ? '+' : ''}${String(personDb)} dB`;
const percent = (share: number): number => round(100 * share);

/** `npm run bench echo`: the avatar's voice in a loudspeaker, and a person over it. */
export async function run(): Promise<BenchResult> {
  const [slt = [], rms = [], kal = [], awb = []] = await Promise.all(
    ['slt', 'rms', 'kal', 'awb'].map((voice) => sentences(voice)),
  );
  const rows: Record<string, string | number>[] = [];
  const all = { minutes: 0, interrupts: 0, ducks: 0, people: new Tally(), micros: [] as number[], worst: [] as number[] };
  const byLevel = new Map(LEVELS.map((echoDb) => [echoDb, { people: new Tally(), by: PERSONS.map(() => new Tally()) }]));
  for (const [index, { name, ...cell }] of CELLS.entries()) {
    const scene = { ...cell, avatar: index % 2 ? rms : slt, seed: 11 + index };
    const alone = await play({ ...scene, seconds: ALONE });
    all.minutes += alone.minutes;
    all.interrupts += alone.interrupts;
    all.ducks += alone.ducks;
    all.micros.push(...alone.micros);
    const row: Record<string, string | number> = {
      scene: name,
      'echo dB': cell.echoDb,
      'reverb s': cell.rt60,
      'delay ms': cell.delays.length > 1 ? 'changing' : (cell.delays[0]?.ms ?? 0),
      'found ms': round(alone.guard.delayMs ?? Number.NaN, 0),
      'self-interruptions': alone.interrupts,
      'false ducks/min': round(alone.ducks / alone.minutes),
    };
    const ducked: number[] = [];
    for (const [at, personDb] of PERSONS.entries()) {
      const level = cell.echoDb < -30 ? personDb - cell.echoDb - 20 : personDb;
      const both = await play({ ...scene, seconds: TOGETHER, person: index % 2 ? awb : kal, personDb: level });
      const here = new Tally();
      const atLevel = byLevel.get(cell.echoDb);
      for (const tally of [here, all.people, atLevel?.people, atLevel?.by[at]]) tally?.add(both.interruptedAfter);
      row[column(personDb)] = String(here);
      ducked.push(...both.duckedAfter);
      all.worst.push(...both.micros);
    }
    row['duck p50 ms'] = round(percentile(ducked, 0.5), 0);
    row[`ducked in ${String(SOON)} ms, %`] = percent(ducked.filter((ms) => ms <= SOON).length / ducked.length);
    rows.push(row);
  }
  for (const [echoDb, { people, by }] of byLevel) {
    const heard = Object.fromEntries(PERSONS.map((personDb, at) => [column(personDb), String(by[at])]));
    rows.push({ scene: 'all at this level', 'echo dB': echoDb, ...heard, 'heard, %': percent(people.share) });
  }
  const share = all.people.share;
  const core = mean(all.micros) / FRAME_US;
  rows.push({
    scene: `all: ${String(round(all.minutes))} min alone, ${String(all.people)} people heard`,
    'self-interruptions': all.interrupts,
    'false ducks/min': round(all.ducks / all.minutes),
    'heard, %': percent(share),
    'core %': percent(core),
    'core % while talked over': percent(mean(all.worst) / FRAME_US),
  });
  return {
    what: "flite voices through a loudspeaker and a reverberating room into the microphone, without any echo cancelling; people at −6, 0 and +6 dB against the echo. The server's own voice detector hears them; no recogniser helps.",
    goal: 'no self-interruption in 10 minutes, ≥ 95 % of people heard, ≤ 5 % of a core per microphone',
    met: all.interrupts === 0 && share >= 0.95 && core <= 0.05,
    rows,
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
