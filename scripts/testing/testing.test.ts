import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { endStrays, marked } from './strays.ts';
import { add, pytestTallyOf, tallyOf, verdict } from './tally.ts';

const report = (over: object): string =>
  JSON.stringify({ numPassedTests: 5, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [], ...over });

test('counts passed, failed, skipped and planned tests', () => {
  expect(tallyOf(report({ numFailedTests: 2, numPendingTests: 1, numTodoTests: 1 }), 1)).toEqual({
    passed: 5,
    failed: 2,
    skipped: 2,
  });
});

test('a file that can not be loaded is a failed test', () => {
  const testResults = [
    { status: 'failed', assertionResults: [] },
    { status: 'failed', assertionResults: [{ status: 'failed' }] },
    { status: 'passed', assertionResults: [{ status: 'passed' }] },
  ];
  expect(tallyOf(report({ numFailedTests: 1, testResults }), 1).failed).toBe(2);
});

test.each([
  ['a run that ends badly with every test passed', report({}), 1],
  ['no report', undefined, 0],
  ['half a report', '{"numPassedTests": 5', 0],
])('%s is one failure', (_, text, exitCode) => {
  expect(tallyOf(text, exitCode).failed).toBe(1);
});

const suite = (counts: string): string =>
  `<?xml version="1.0"?><testsuites><testsuite name="pytest" ${counts}></testsuite></testsuites>`;

test('counts what pytest passed, failed, could not set up and skipped', () => {
  const counts = 'errors="1" failures="2" skipped="3" tests="20" time="1.0"';
  expect(pytestTallyOf(suite(counts), 1)).toEqual({ passed: 14, failed: 3, skipped: 3 });
  expect(pytestTallyOf(suite('errors="0" failures="0" skipped="0" tests="4"'), 0)).toEqual({ passed: 4, failed: 0, skipped: 0 });
});

test.each([
  ['ends badly with every test passed', suite('errors="0" failures="0" skipped="0" tests="4"'), 2],
  ['finds no test', suite('errors="0" failures="0" skipped="0" tests="0"'), 5],
  ['writes no report', undefined, 0],
  ['writes half a report', '<?xml version="1.0"?><testsuites><testsuite name="pytest" err', 0],
])('a pytest run that %s is one failure', (_, text, exitCode) => {
  expect(pytestTallyOf(text, exitCode).failed).toBe(1);
});

test('the verdict names what was skipped only when something was', () => {
  const sum = add({ passed: 1, failed: 0, skipped: 0 }, { passed: 2, failed: 1, skipped: 0 });
  expect(verdict(sum)).toBe('3 passed, 1 failed');
  expect(verdict({ ...sum, skipped: 4 })).toBe('3 passed, 1 failed, 4 skipped');
});

test('a process that outlives its run is found by its mark, even without its parent, and ended', async () => {
  const run = randomUUID();
  const orphan = `require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' }).unref()`;
  spawnSync(process.execPath, ['-e', orphan], { env: marked(process.env, run) });
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    env: marked(process.env, randomUUID()),
    stdio: 'ignore',
  });
  const strays = await endStrays(run, 400);
  expect(strays).toHaveLength(1);
  expect(strays[0]).toContain('setInterval');
  expect(other.exitCode).toBeNull();
  other.kill();
  expect(await endStrays(run, 2_000)).toEqual([]);
});
