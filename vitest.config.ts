import { defineConfig } from 'vitest/config';

const settings = { testTimeout: 30_000, hookTimeout: 60_000, pool: 'forks' } as const;

export default defineConfig({
  test: {
    projects: [
      { test: { ...settings, name: 'unit', include: ['{protocol,server,client,scripts,bench}/**/*.test.{ts,tsx,mjs}'] } },
      {
        // These run whole servers and browsers: one file at a time, after the rest, so that they don't starve each other.
        test: {
          ...settings,
          name: 'whole',
          include: ['test/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
