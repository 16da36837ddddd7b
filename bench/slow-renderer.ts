import { MS_PER_FRAME } from '#base/media.ts';
import { Pace } from '#base/pace.ts';
import { simulate, type Told } from '#test/fixtures/simulated-speech.ts';
import { round, type BenchResult } from './bench.ts';

const RTFS = [0.3, 0.6, 0.9, 1, 1.1, 1.5, 2, 3, 5, 8];
/** The test card's windows, and those of a diffusion model. */
const WINDOWS = [39, 72];
const JITTERS = [0, 0.1];
/** Utterances one after the other on one renderer, frames per clause. */
const UTTERANCES = [[50, 110, 75], [40, 250, 60, 90], [300], [60, 40, 30, 120, 80], [45, 500]];
/** What is left when the rule is exact: the voice's lead, the 40 ms grid, and the voice known before a clause starts. */
const GRAIN = 6 * MS_PER_FRAME;

/** −1…1, the same for the same arguments. */
function wobble(seed: number, index: number): number {
  const x = Math.sin(index * 127.1 + seed * 311.7) * 43_758.5453;
  return 2 * (x - Math.floor(x)) - 1;
}

/** `npm run bench slow-renderer`: how close to the earliest safe moment clauses start, in virtual time. */
export async function run(): Promise<BenchResult> {
  const rows: Record<string, string | number>[] = [];
  let met = true;
  for (const windowFrames of WINDOWS)
    for (const jitter of JITTERS)
      for (const rtf of RTFS) {
        const pace = new Pace(rtf, windowFrames);
        const told: Told[] = [];
        for (const [seed, clauses] of UTTERANCES.entries()) {
          const takes = (index: number, frames: number): number =>
            rtf * frames * MS_PER_FRAME * (1 + jitter * wobble(seed, index));
          told.push(await simulate({ clauses, windowFrames, expectedRtf: rtf, takes, streamed: false, voiceRtf: 0.05, pace }));
        }
        const row = summary(told);
        rows.push({ rtf, 'frames per window': windowFrames, 'jitter %': jitter * 100, ...row });
        if (jitter === 0) met &&= row['worst start : earliest'] <= 1.05 && row['late pictures'] === 0;
        met &&= row.stalls === 0;
      }
  return {
    what: 'Renderers of 0.3 to 8 s per second of pictures, which come at the end of each window, in virtual time: when clauses start, beside the earliest moment from which no picture would be late.',
    goal: 'at a steady pace no late picture, and each start within 5 % of the earliest safe one; never a stall of the voice',
    met,
    rows,
  };
}

function summary(told: readonly Told[]) {
  const clauses = told.flatMap((one) => one.clauses);
  // The grain of 240 ms is taken off: the rule can do nothing about it.
  const ratios = clauses.map(({ start, safe, known }) => Math.max(1, (start - GRAIN) / Math.max(safe, known, 1)));
  const spoken = told.reduce((sum, one) => sum + one.spokenFor, 0);
  const frames = clauses.reduce((sum, clause) => sum + clause.frames, 0);
  const late = clauses.reduce((sum, clause) => sum + clause.late, 0);
  const begins = told.map((one) => one.clauses[0]?.start ?? Number.NaN);
  return {
    'first sound known to start, mean s': round(begins.reduce((sum, start) => sum + start, 0) / begins.length / 1_000),
    'mean start : earliest': round(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length, 3),
    'worst start : earliest': round(Math.max(...ratios), 3),
    'pauses between clauses, % of the time': round((100 * (spoken - frames * MS_PER_FRAME)) / spoken),
    'late pictures': late,
    'degraded, % of the time': round((100 * told.reduce((sum, one) => sum + degradedFor(one), 0)) / spoken),
    stalls: told.reduce((sum, one) => sum + one.stalls, 0),
  };
}

const degradedFor = ({ air }: Told): number =>
  air.reduce((sum, event, at) => sum + (event.state === 'degraded' ? (air[at + 1]?.at ?? event.at) - event.at : 0), 0);
