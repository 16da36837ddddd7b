import { defineConfig } from 'vitest/config';

const settings = { testTimeout: 30_000, hookTimeout: 60_000, pool: 'forks' } as const;
/** Tests that watch real time go by: whole servers, browsers, media at its own speed. */
const realTime = ['test/**/*.test.ts', 'server/media/**/*.test.ts', 'server/render/*.test.ts', 'client/app/*.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...settings,
          name: 'unit',
          include: ['{protocol,server,client,scripts,bench}/**/*.test.{ts,tsx,mjs}'],
          exclude: ['node_modules/**', ...realTime],
        },
      },
      {
        // One file at a time, after the rest, so that they don't starve each other; and once more when the host took the CPU away meanwhile.
        test: {
          ...settings,
          name: 'whole',
          include: realTime,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          retry: 2,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
