// Runs every check with a heading, goes on after a failure, and ends with `N passed, N failed`.
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Interrupted, exitCodeOf, forwardSignals } from './setup/run.mjs';
import { checksOf } from './testing/checks.ts';
import { add, verdict, type Tally } from './testing/tally.ts';

async function main(): Promise<void> {
  let total: Tally = { passed: 0, failed: 0, skipped: 0 };
  for (const check of checksOf(dirname(import.meta.dirname), process.argv.slice(2))) {
    console.log(`\n── ${check.name}`);
    const start = performance.now();
    const tally = await check.run();
    const seconds = ((performance.now() - start) / 1_000).toFixed(1);
    console.log(`── ${check.name}: ${tally.failed > 0 ? 'FAILED' : 'ok'} (${seconds} s)`);
    total = add(total, tally);
  }
  console.log(`\n${verdict(total)}`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

forwardSignals();
main().catch((error: unknown) => {
  if (error instanceof Interrupted) process.exit(exitCodeOf(error.signal));
  console.error(error);
  console.log('0 passed, 1 failed');
  process.exit(1);
});
