import type { BenchResult } from './bench.ts';
import * as disk from './recovery/disk.ts';
import * as hls from './recovery/hls.ts';
import * as loop from './recovery/loop.ts';
import * as renderer from './recovery/renderer.ts';
import * as network from './recovery/network.ts';
import type { RecoveryRow } from './recovery/row.ts';
import * as sfu from './recovery/sfu.ts';

/** One file of `recovery/` each; they run one after the other, because what one kills would be felt in the other's figures. */
const PLUGS = [hls.run, renderer.run, loop.run, disk.run, sfu.run, network.run];

/** Pulls each plug a few times on the running server and takes the time until it is as if nothing had happened. */
export async function run(): Promise<BenchResult> {
  const rows: RecoveryRow[] = [];
  for (const pull of PLUGS) rows.push(...(await pull()));
  return {
    what: 'Something is killed, frozen, filled or blocked while the avatar is on air; ms until it is back.',
    goal: 'each promise in the table, p95',
    met: rows.every(({ met }) => met),
    rows: rows.map((row) => ({ ...row, met: row.met ? 'yes' : 'no' })),
  };
}
