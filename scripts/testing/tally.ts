import { z } from 'zod';

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** One heading of a test run. */
export interface Check {
  readonly name: string;
  run(): Promise<Tally>;
}

export const PASSED: Tally = { passed: 1, failed: 0, skipped: 0 };
export const FAILED: Tally = { passed: 0, failed: 1, skipped: 0 };

/** What we read of vitest's JSON report. */
const Report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) })),
});

/**
 * Counts a vitest run. What fails outside a test counts too: a file that can't be loaded is one failed test, and so is a run that
 * ended badly (an unhandled rejection, a crash, no report) although every test in it passed.
 * @param report the JSON report's text; undefined when vitest wrote none
 * @param exitCode vitest's
 */
export function tallyOf(report: string | undefined, exitCode: number): Tally {
  const parsed = parse(report);
  if (!parsed) return { passed: 0, failed: 1, skipped: 0 };
  const broken = parsed.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = parsed.numFailedTests + broken.length;
  return {
    passed: parsed.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: parsed.numPendingTests + parsed.numTodoTests,
  };
}

function parse(report: string | undefined): z.infer<typeof Report> | undefined {
  try {
    return Report.parse(JSON.parse(report ?? ''));
  } catch {
    return undefined;
  }
}

/**
 * Counts a pytest run. A run that ended badly although every test in it passed is one failure; 5 says that no test was there.
 * @param report its JUnit XML; undefined when pytest wrote none
 * @param exitCode pytest's
 */
export function pytestTallyOf(report: string | undefined, exitCode: number): Tally {
  const suite = /<testsuite\b[^>]*>/.exec(report ?? '')?.[0];
  if (suite === undefined || !report?.trimEnd().endsWith('>')) return FAILED;
  const count = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? Number.NaN);
  const [tests, skipped, broken] = [count('tests'), count('skipped'), count('failures') + count('errors')];
  if (!Number.isInteger(tests + skipped + broken)) return FAILED;
  const failed = broken === 0 && exitCode !== 0 ? 1 : broken;
  return { passed: Math.max(0, tests - skipped - broken), failed, skipped };
}

export const add = (a: Tally, b: Tally): Tally => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

/** The last line of a test run; programs read it. */
export function verdict({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
