// What server/Dockerfile needs made while an image is built: the page, and a media worker at the path that is given.
import { copyFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPage } from './setup/page.mjs';
import { SetupError } from './setup/run.mjs';
import { provideWorker } from './setup/worker.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [path] = process.argv.slice(2);
if (path === undefined) throw new SetupError('Name the file the media worker shall be copied to.');
copyFileSync(await provideWorker(root, process.execPath), path);
await buildPage(root, process.execPath);
