// Runs every check, goes on after a failure, and ends with `N passed, N failed`.
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Interrupted, exitCodeOf, forwardSignals } from './setup/run.mjs';
import { sourceChecks, testChecks } from './testing/checks.ts';
import { inLanes } from './testing/lanes.ts';
import { pythonTests } from './testing/python.ts';
import { add, verdict, type Check, type Tally } from './testing/tally.ts';

async function timed({ name, run }: Check) {
  const start = performance.now();
  const { tally, output } = await run();
  return { name, tally, output, seconds: ((performance.now() - start) / 1_000).toFixed(1) };
}

async function main(): Promise<void> {
  const root = dirname(import.meta.dirname);
  let total: Tally = { passed: 0, failed: 0, skipped: 0 };
  const tell = ({ name, tally, output, seconds }: Awaited<ReturnType<typeof timed>>): void => {
    if (output.trim()) console.log(output.trimEnd());
    console.log(`── ${name}: ${tally.failed > 0 ? 'FAILED' : 'ok'} (${seconds} s)`);
    total = add(total, tally);
  };
  const filters = process.argv.slice(2);
  const checks = [...pythonTests(root, filters), ...sourceChecks(root)].map((check) => () => timed(check));
  // One more than there are cores: Python's tests rather wait than work.
  for await (const result of inLanes(checks, availableParallelism() + 1)) tell(result);
  for (const tests of testChecks(root, filters)) {
    console.log(`\n── ${tests.name}`);
    tell(await timed(tests));
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
