import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

const settings = { testTimeout: 60_000, hookTimeout: 120_000, pool: 'forks' } as const;
/** Tests that watch real time go by: whole servers, browsers, media at its own speed. Everything else is a unit test, which may be slowed down. */
const realTime = [
  'test/e2e/*.test.ts',
  'test/support/udp-relay.test.ts',
  'client/app/*.test.ts',
  'server/media/{broadcast,floods,microphones,producers,sfu,stage,viewers,whep,whep.browser}.test.ts',
  'server/media/hls/{deaths,on-air,packager,rendition}.test.ts',
  'server/render/{deaths,pattern}.test.ts',
];
/** Of these, what judges how evenly pictures come, for a minute each; and beside it, one at a time, what rather waits and is watched by nobody. */
const calm = ['test/e2e/{hls,loss,full-disk,redis,lifecycle}.test.ts'];
/** Most files rather wait than work: on two cores, two at a time. */
const lanes = Math.max(2, availableParallelism() - 1);

/** Tried again when the host took the CPU away meanwhile, which the run tells at its end. */
const patient = {
  ...settings,
  testTimeout: 180_000,
  hookTimeout: 180_000,
  retry: 2,
  globalSetup: 'test/support/idle-loops.ts',
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...settings,
          name: 'unit',
          include: ['{protocol,server,client,scripts,bench,test}/**/*.test.{ts,tsx,mjs}'],
          exclude: ['node_modules/**', ...realTime],
          // They wait for time-outs, children and threads.
          maxWorkers: 2 * lanes,
        },
      },
      {
        test: { ...patient, name: 'whole', include: realTime, exclude: calm, maxWorkers: lanes, sequence: { groupOrder: 1 } },
      },
      {
        test: { ...patient, name: 'calm', include: calm, maxWorkers: 3, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
