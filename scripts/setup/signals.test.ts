import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';

const module = pathToFileURL(join(import.meta.dirname, 'run.mjs')).href;
let parent: ChildProcess | undefined;

afterEach(() => parent?.kill('SIGKILL'));

/** A process that becomes `program` the way set-up becomes the server; resolves once the program says "up". */
async function become(program: string): Promise<{ output: () => string; exit: Promise<unknown[]> }> {
  const script = `
    import { become, forwardSignals } from '${module}';
    forwardSignals();
    await become(process.execPath, ['-e', ${JSON.stringify(program)}], { cwd: process.cwd(), env: process.env });`;
  parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const exit = once(parent, 'close');
  await new Promise<void>((resolve) => {
    parent?.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('up')) resolve();
    });
  });
  return { output: () => output, exit };
}

const CLOSES_CLEANLY = `
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {
    console.log(signal);
    setTimeout(() => process.exit(0), 300);
  });
  setInterval(() => {}, 1_000);
  console.log('up');`;

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s reaches the program once, however often it comes, and its exit code is ours',
  async (signal) => {
    const { output, exit } = await become(CLOSES_CLEANLY);
    parent?.kill(signal);
    parent?.kill(signal);
    expect(await exit).toEqual([0, null]);
    expect(
      output()
        .split('\n')
        .filter((line) => line === signal),
    ).toHaveLength(1);
  },
);

test('the exit code of a program that ends by itself is ours', async () => {
  const { exit } = await become(`console.log('up'); process.exitCode = 7;`);
  expect(await exit).toEqual([7, null]);
});

test('a program that dies of a signal gives 128 and its number', async () => {
  const { exit } = await become(
    `console.log('up'); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50); setInterval(() => {}, 1_000);`,
  );
  expect(await exit).toEqual([137, null]);
});
