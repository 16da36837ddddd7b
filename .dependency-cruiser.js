/**
 * Who may import whom:
 *   protocol ← base ← bus, telemetry ← auth, llm, tts, stt, render, media   (siblings never import each other)
 *            ← speech, avatars, listening (ports only; listening knows of stt alone) ← sessions ← signalling, http ← app ← main
 *   protocol ← client/sdk ← client/react ← client/app
 */

/** Each folder of server/ and all it may reach, itself aside. */
const foundations = ['base', 'bus', 'telemetry'];
const siblings = ['auth', 'llm', 'tts', 'stt', 'render', 'media'];
const walk = ['speech', 'avatars', 'listening'];
const layers = {
  base: [],
  bus: ['base'],
  telemetry: ['base'],
  ...Object.fromEntries(siblings.map((name) => [name, foundations])),
  ...Object.fromEntries(walk.map((name) => [name, [...foundations, ...siblings]])),
  listening: ['base', 'telemetry', 'stt'],
  sessions: [...foundations, ...siblings, ...walk],
  signalling: [...foundations, ...siblings, ...walk, 'sessions'],
  http: [...foundations, ...siblings, ...walk, 'sessions'],
};

/** The one file of each sibling that is its port; only app.ts reaches the rest. */
const ports = ['server/llm/llm.ts', 'server/tts/tts.ts', 'server/stt/stt.ts', 'server/render/renderer.ts'];

const tests = '[.]test[.](ts|tsx|mjs)$';
const deny = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

export default {
  forbidden: [
    deny('no-cycles', 'A circle of imports has no bottom: move what both need below them.', {}, { circular: true }),
    deny(
      'resolvable',
      'This import leads nowhere: is the file there, is the package in package.json?',
      {},
      { couldNotResolve: true },
    ),
    deny(
      'declared',
      'Imported packages must be in package.json.',
      { path: '^(protocol|server|client)/' },
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    ),
    deny(
      'no-dev-dependencies-in-server',
      'The server runs without devDependencies.',
      { path: '^(protocol|server)/', pathNot: tests },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    ),
    deny(
      'protocol-imports-nothing',
      'protocol/ is the bottom.',
      { path: '^protocol/' },
      { path: '^(server|client|bench|test|scripts)/' },
    ),
    ...Object.entries(layers).map(([folder, below]) =>
      deny(
        `server-${folder}`,
        `server/${folder} may import protocol${below.map((name) => `, ${name}`).join('')}; nothing else of ours.`,
        { path: `^server/${folder}/`, pathNot: tests },
        { path: '^(server|client|bench|test|scripts)/', pathNot: `^server/(${[folder, ...below].join('|')})/` },
      ),
    ),
    deny(
      'ports-only',
      'Only app.ts knows adapters: take the port (llm.ts, tts.ts, stt.ts, renderer.ts) as an argument.',
      { path: `^server/(${[...walk, 'sessions', 'signalling', 'http'].join('|')})/`, pathNot: tests },
      { path: '^server/(llm|tts|stt|render)/', pathNot: `^(${ports.join('|').replaceAll('.', '[.]')})$` },
    ),
    deny(
      'history-by-its-port',
      'Only app.ts knows where history is kept: take sessions/history.ts as an argument.',
      { path: '^server/', pathNot: [tests, '^server/app[.]ts$', '^server/sessions/sqlite/', '[.]fixture[.]ts$'] },
      { path: '^server/sessions/(sqlite/|memory-history[.]ts)' },
    ),
    deny(
      'bus-by-its-port',
      'Only open-bus.ts knows which bus it is: take bus/bus.ts as an argument.',
      { path: '^server/', pathNot: [tests, '^server/open-bus[.]ts$', '^server/bus/'] },
      { path: '^server/bus/(redis/|memory-)' },
    ),
    deny(
      'assembly-is-on-top',
      'The files at the top of server/ put it together; what they need is handed down to folders.',
      { path: '^server/', pathNot: [tests, '^server/[^/]+[.]ts$'] },
      { path: '^server/[^/]+[.]ts$' },
    ),
    deny(
      'client-not-server',
      'What the client shares with the server is protocol/.',
      { path: '^client/', pathNot: tests },
      { path: '^(server|bench|test|scripts)/' },
    ),
    deny(
      'client-sdk',
      'client/sdk knows no framework and no page.',
      { path: '^client/sdk/', pathNot: tests },
      { path: '^client/(react|widget|app)/|(^|/)node_modules/(@types/)?react' },
    ),
    deny(
      'client-react',
      'client/react is below the page.',
      { path: '^client/(react|widget)/', pathNot: tests },
      { path: '^client/app/' },
    ),
    deny(
      'no-tests-in-product',
      'What runs never imports tests.',
      { path: '^(protocol|server|client)/', pathNot: tests },
      { path: `${tests}|^(test|bench|scripts)/` },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default', 'require'],
      mainFields: ['module', 'main', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
