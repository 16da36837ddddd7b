import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PATCHES, applyPatch, lastLines } from './build.mjs';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'build-test-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test.each(PATCHES)('the installed mediasoup has the one place that is patched in $file', ({ file, from }) => {
  const source = readFileSync(join(import.meta.dirname, '../../node_modules/mediasoup/worker', file), 'utf8');
  expect(source.split(from)).toHaveLength(2);
});

test('a patch replaces its one place', () => {
  writeFileSync(join(folder, 'a.cpp'), 'x = old;\n');
  applyPatch(folder, { file: 'a.cpp', from: 'old', to: 'new' });
  expect(readFileSync(join(folder, 'a.cpp'), 'utf8')).toBe('x = new;\n');
});

test.each(['nothing here', 'old and old'])('a patch that fits nowhere or twice stops the build: %s', (content) => {
  writeFileSync(join(folder, 'a.cpp'), content);
  expect(() => applyPatch(folder, { file: 'a.cpp', from: 'old', to: 'new' })).toThrow('a.cpp of this mediasoup version');
  expect(readFileSync(join(folder, 'a.cpp'), 'utf8')).toBe(content);
});

test('lastLines keeps the end', () => {
  expect(lastLines('a\nb\nc\n', 2)).toBe('b\nc');
});
