import type { BenchOptions, BenchResult } from './bench.ts';
import { realMinutes } from './soak/real.ts';
import { virtualHours } from './soak/virtual.ts';

/** A microphone that is talked into for hours, in virtual time, and for minutes of the real one: nothing drifts, grows or is missed. */
export async function run({ hours = '2', minutes = '20' }: BenchOptions = {}): Promise<BenchResult> {
  const parts = [];
  if (Number(hours) > 0) parts.push(await virtualHours(Number(hours)));
  if (Number(minutes) > 0) parts.push(await realMinutes(Number(minutes)));
  for (const line of parts.flatMap(({ wrong }) => wrong)) process.stderr.write(`soak: ${line}\n`);
  return {
    what: 'A host who asks, pauses in mid-sentence, makes noises and interrupts, over and over. In virtual time: the real microphone (RTP and Opus of a sound card that runs 100 ppm fast), ear, turns, captions and playout, with a voice detector that takes loud sound for speech, a recogniser that knows the words beforehand and a model that hums. In real time: the server with nothing configured, and Chromium.',
    goal: 'each turn answered as it should be; answers come as quickly at the end as at the beginning; the stage and the microphone never away from their instants; no growth',
    met: parts.length > 0 && parts.every(({ met }) => met),
    rows: parts.map(({ row }) => row),
  };
}
