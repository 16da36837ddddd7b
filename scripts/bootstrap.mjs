// Everything between a fresh checkout and a running program, by whatever Node (18 or newer) the system has.
//   node scripts/bootstrap.mjs start|test|bench|doctor [arguments of the program]
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FOR_LISTENING, FOR_SERVER, FOR_TESTS, installDebianPackages } from './setup/debian.mjs';
import { provideNode, withNode } from './setup/node.mjs';
import { installPackages } from './setup/packages.mjs';
import { buildPage } from './setup/page.mjs';
import { Interrupted, SetupError, become, exitCodeOf, forwardSignals, say } from './setup/run.mjs';
import { provideWorker } from './setup/worker.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @type {Record<string, { program: string, setUp: (node: string) => Promise<NodeJS.ProcessEnv> }>} */
const COMMANDS = {
  start: { program: 'server/main.ts', setUp: (node) => setUp(node, { tests: false, page: true }) },
  // The tests build the page themselves: a page that can't be built is one failed check, not the end of all.
  test: { program: 'scripts/test.ts', setUp: (node) => setUp(node, { tests: true, page: false }) },
  bench: { program: 'bench/run.ts', setUp: (node) => setUp(node, { tests: true, page: true }) },
  // The doctor looks at the machine as it is.
  doctor: { program: 'scripts/doctor.ts', setUp: async () => ({}) },
};

/** @param {string} node @param {{ tests: boolean, page: boolean }} wanted @returns {Promise<NodeJS.ProcessEnv>} */
async function setUp(node, { tests, page }) {
  await installPackages(root, node);
  await installDebianPackages(tests ? [...FOR_SERVER, ...FOR_TESTS] : FOR_SERVER);
  await installDebianPackages(FOR_LISTENING).catch((error) => {
    if (!(error instanceof SetupError)) throw error;
    say(`going on without the embedded recogniser. ${error.message}`);
  });
  const worker = await provideWorker(root, node);
  if (page) await buildPage(root, node);
  return { MEDIASOUP_WORKER_BIN: worker };
}

/** @param {string} name @param {string[]} args */
async function main(name, args) {
  const command = COMMANDS[name];
  if (!command) throw new SetupError(`Unknown command "${name}"; there are ${Object.keys(COMMANDS).join(', ')}.`);
  const node = await provideNode();
  // Compiled once, not at each start: importing the server takes a third less CPU. It goes with node_modules.
  const compiled = { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compiled') };
  const env = { ...compiled, ...withNode(node), ...(await command.setUp(node)) };
  await become(node, [join(root, command.program), ...args], { cwd: root, env });
}

const [name = 'start', ...args] = process.argv.slice(2);
forwardSignals();
main(name, args).catch((error) => {
  if (error instanceof Interrupted) process.exit(exitCodeOf(error.signal));
  process.stderr.write(`\n${error instanceof SetupError ? error.message : error.stack}\n`);
  // Whoever reads the last line of a test run finds a verdict there, whatever happened.
  if (name === 'test') process.stdout.write('0 passed, 1 failed\n');
  process.exit(1);
});
