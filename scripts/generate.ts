// Writes what is generated from protocol/: JSON Schema, OpenAPI, the socket events. With --check it writes nothing and fails when a file is stale.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { documents } from './generating/documents.ts';
import { readText } from './setup/cache.mjs';

const root = dirname(import.meta.dirname);
const check = process.argv.includes('--check');

const stale = Object.entries(await documents()).filter(([path, content]) => readText(join(root, path)) !== content);
for (const [path, content] of stale) {
  if (check) console.error(`${path} is stale`);
  else {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    console.log(`wrote ${path}`);
  }
}
if (check && stale.length > 0) {
  console.error('Run: node scripts/generate.ts');
  process.exitCode = 1;
}
