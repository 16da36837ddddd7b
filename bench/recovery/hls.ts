import { setTimeout as sleep } from 'node:timers/promises';
import { HlsFollower } from '#test/support/hls-follower.ts';
import { children } from '#test/support/processes.ts';
import { startServer } from '#test/support/server.ts';
import { rowOf, type RecoveryRow } from './row.ts';

const TIMES = 8;
/** Two segments. */
const LIMIT = 2_000;

/** Kills and freezes the ffmpeg of a watched stage, at any phase of its segments. */
export async function run(): Promise<RecoveryRow[]> {
  const server = await startServer();
  const session = await server.createSession({});
  const follower = new HlsFollower(session.urls.hls);
  try {
    const rows: RecoveryRow[] = [];
    for (const [what, signal] of [
      ['killed', 'SIGKILL'],
      ['frozen', 'SIGSTOP'],
    ] as const) {
      const samples: number[] = [];
      for (let time = 0; time < TIMES; time += 1) {
        await sleep(3_000 + Math.random() * 1_000);
        const [pid] = children(server.pid, 'ffmpeg');
        if (pid === undefined) throw new Error('no ffmpeg runs');
        const before = follower.discontinuities;
        const pulledAt = Date.now();
        process.kill(pid, signal);
        while (follower.discontinuities === before) await sleep(10);
        samples.push(follower.newest.listedAt - pulledAt);
      }
      const plug = `ffmpeg ${what} → the playlist has its next segment`;
      rows.push(rowOf(plug, 'back ≤ 2 segments, no gap, no 404', LIMIT, samples));
    }
    await follower.stop();
    if (follower.complaints.length > 0) throw new Error(`HLS did not stay whole: ${follower.complaints.join('; ')}`);
    return rows;
  } finally {
    await follower.stop();
    await server.stop();
  }
}
