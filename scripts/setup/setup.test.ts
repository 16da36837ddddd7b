import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cacheDir, isAlive, withLock } from './cache.mjs';
import { installCommand, missingOf } from './debian.mjs';
import { npmCli, onPath, runsTypeScript, withNode } from './node.mjs';
import { agrees, isInstalled } from './packages.mjs';
import { isPageBuilt } from './page.mjs';
import { exitCodeOf, isForeground, run } from './run.mjs';
import { isProven, workerPath } from './worker.mjs';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'setup-test-'));
  vi.stubEnv('XDG_CACHE_HOME', folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe('node', () => {
  test.each([
    ['v18.0.0', false],
    ['v20.20.2', false],
    ['v22.17.1', false],
    ['v22.18.0', true],
    ['v23.5.0', false],
    ['v23.6.0', true],
    ['v24.0.0', true],
    ['v100.0.0', true],
  ])('%s runs TypeScript unbuilt: %s', (version, expected) => {
    expect(runsTypeScript(version)).toBe(expected);
  });

  test('npm is the one that runs us, never another package manager', () => {
    const npm = join(folder, 'npm-cli.js');
    const yarn = join(folder, 'yarn.js');
    for (const file of [npm, yarn]) writeFileSync(file, '');
    expect(npmCli({ npm_execpath: npm, PATH: '' })).toBe(npm);
    expect(npmCli({ npm_execpath: yarn, PATH: process.env['PATH'] })).toMatch(/npm-cli\.js$/);
  });

  test('programs started by set-up find that Node first', () => {
    expect(withNode('/opt/node/bin/node', { PATH: '/usr/bin' })['PATH']).toBe('/opt/node/bin:/usr/bin');
  });

  test('onPath looks into every folder of PATH', () => {
    mkdirSync(join(folder, 'a'));
    mkdirSync(join(folder, 'b'));
    writeFileSync(join(folder, 'b', 'tool'), '');
    const env = { PATH: `${join(folder, 'a')}::${join(folder, 'b')}` };
    expect(onPath('tool', env)).toEqual([join(folder, 'b', 'tool')]);
    expect(onPath('other', env)).toEqual([]);
  });
});

describe('packages', () => {
  const wanted = {
    packages: {
      '': { version: '1.0.0' },
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '2.0.0', optional: true },
    },
  };

  test('a record without the optional packages of other platforms agrees', () => {
    expect(agrees(wanted, { packages: { 'node_modules/a': { version: '1.0.0' } } })).toBe(true);
  });

  test.each([
    ['a package lacks', {}],
    ['a package is older', { 'node_modules/a': { version: '0.9.0' } }],
  ])('%s: does not agree', (_, packages) => {
    expect(agrees(wanted, { packages })).toBe(false);
  });

  test('an interrupted installation, which has no record yet, counts as none', () => {
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(wanted));
    mkdirSync(join(folder, 'node_modules', 'a'), { recursive: true });
    expect(isInstalled(folder)).toBe(false);
    writeFileSync(join(folder, 'node_modules', '.package-lock.json'), '{"packages": {"node_m');
    expect(isInstalled(folder)).toBe(false);
    writeFileSync(join(folder, 'node_modules', '.package-lock.json'), JSON.stringify(wanted));
    expect(isInstalled(folder)).toBe(true);
  });
});

describe('Debian packages', () => {
  test('missing is what neither PATH nor the file system shows', () => {
    writeFileSync(join(folder, 'here'), '');
    const wanted = [
      { name: 'a', command: 'here' },
      { name: 'b', command: 'gone' },
      { name: 'c', file: join(folder, 'here') },
      { name: 'd', file: join(folder, 'gone') },
    ];
    const missing = missingOf(wanted, { PATH: folder });
    expect(missing.map(({ name }) => name)).toEqual(['b', 'd']);
    expect(installCommand(missing)).toBe('sudo apt-get update && sudo apt-get install -y --no-install-recommends b d');
  });
});

describe('cache', () => {
  test('follows XDG_CACHE_HOME, else lies in the home folder', () => {
    expect(cacheDir({ XDG_CACHE_HOME: '/x' })).toBe('/x/infinitetalk-rtc');
    expect(cacheDir({})).toMatch(/\.cache\/infinitetalk-rtc$/);
  });

  test('two who want the same lock work one after the other', async () => {
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 50));
      inside -= 1;
    };
    await Promise.all([withLock('it', work), withLock('it', work), withLock('it', work)]);
    expect(most).toBe(1);
  });

  test('the lock of a process that is gone is taken over', async () => {
    const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
    await new Promise((resolve) => child.once('exit', resolve));
    expect(isAlive(child.pid ?? 0)).toBe(false);
    mkdirSync(cacheDir(), { recursive: true });
    writeFileSync(join(cacheDir(), 'it.lock'), String(child.pid));
    expect(await withLock('it', () => Promise.resolve('done'))).toBe('done');
  });

  test('a lock is released when its work fails', async () => {
    await expect(withLock('it', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withLock('it', () => Promise.resolve(1))).toBe(1);
  });
});

describe('run', () => {
  test('gives exit code and output', async () => {
    const { code, output } = await run(process.execPath, ['-e', 'console.log("out"); console.error("err"); process.exit(3)'], {
      quiet: true,
    });
    expect(code).toBe(3);
    expect(output.split('\n').sort()).toEqual(['', 'err', 'out']);
  });

  test('a command that is not there is 127, one that dies of a signal 128 and its number, one that is late 124', async () => {
    expect((await run('no-such-command', [], { quiet: true })).code).toBe(127);
    expect(
      (await run(process.execPath, ['-e', 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)'], { quiet: true }))
        .code,
    ).toBe(143);
    expect((await run(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { quiet: true, timeoutMs: 300 })).code).toBe(124);
    expect(exitCodeOf('SIGINT')).toBe(130);
  });

  test("knows the terminal's foreground group, also behind a program name with brackets", () => {
    expect(isForeground('42 (a) b) S 1 42 42 34816 42 4194304')).toBe(true);
    expect(isForeground('42 (node) S 1 42 42 34816 77 4194304')).toBe(false);
    expect(isForeground('42 (node) S 1 42 42 0 -1 4194304')).toBe(false);
  });
});

describe('worker and page', () => {
  test("the worker's place in the cache names version, platform and architecture", () => {
    mkdirSync(join(folder, 'node_modules', 'mediasoup'), { recursive: true });
    writeFileSync(join(folder, 'node_modules', 'mediasoup', 'package.json'), '{"version": "3.0.1"}');
    expect(workerPath(folder)).toBe(
      join(folder, 'infinitetalk-rtc', `mediasoup-worker-3.0.1-${process.platform}-${process.arch}`, 'mediasoup-worker'),
    );
  });

  test('a proof belongs to one binary: another one in its place is not proven', () => {
    const binary = join(folder, 'mediasoup-worker');
    expect(isProven(binary)).toBe(false);
    writeFileSync(binary, 'abc');
    mkdirSync(join(cacheDir(), 'proven'), { recursive: true });
    writeFileSync(join(cacheDir(), 'proven', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'), '');
    expect(isProven(binary)).toBe(true);
    writeFileSync(binary, 'abd');
    expect(isProven(binary)).toBe(false);
  });

  test('without its stamp the page counts as not built', () => {
    mkdirSync(join(folder, 'dist', 'client'), { recursive: true });
    writeFileSync(join(folder, 'dist', 'client', 'index.html'), '');
    expect(isPageBuilt(folder)).toBe(false);
  });
});
