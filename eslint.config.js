import { defineConfig, globalIgnores } from 'eslint/config';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

// Handing the whole environment to readConfig is not reading it.
const environment = [
  ':not(CallExpression[callee.name="readConfig"]) > MemberExpression[object.name="process"][property.name="env"]',
  'ImportDeclaration[source.value=/^(node:)?process$/] ImportSpecifier[imported.name="env"]',
].map((selector) => ({ selector, message: 'Only server/config.ts reads the environment: take the setting as an argument.' }));

const time = [
  { selector: 'MemberExpression[object.name="Date"][property.name="now"]' },
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]' },
  { selector: 'CallExpression[callee.name="Date"]' },
  { selector: 'MemberExpression[object.name="performance"][property.name=/^(now|timeOrigin)$/]' },
  { selector: 'MemberExpression[object.name="process"][property.name=/^(hrtime|uptime)$/]' },
  { selector: 'ImportDeclaration[source.value=/^(node:)?perf_hooks$/]' },
].map((rule) => ({ ...rule, message: 'Only server/base/clock.ts reads time: take a Clock.' }));

const words = [
  {
    selector: ':matches(ClassDeclaration, FunctionDeclaration) > Identifier.id[name=/(Manager|Service|Helper|Utils?)$/]',
    message: 'Not one of our words: name what it is (docs/architecture.md).',
  },
];

const unsafe = Object.fromEntries(
  ['argument', 'assignment', 'call', 'member-access', 'return'].map((what) => [`@typescript-eslint/no-unsafe-${what}`, 'off']),
);

const tests = ['**/*.test.{ts,tsx,mjs}', 'test/**', 'bench/**'];

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'bench/results/', 'protocol/schema/', 'gpu-render/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.{ts,tsx,js,mjs}'],
    extends: [tseslint.configs.strictTypeChecked],
    // One program for the whole run: the project service, made for editors, takes a third longer.
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'max-lines': ['error', 300],
      'no-restricted-syntax': ['error', ...words],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'only-allowed-literals' }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      // These cost more than they find here: an async method may implement a port without awaiting anything,
      // `return resolve()` and `() => clearTimeout(timer)` are idiom, and zod deprecates names faster than its users can follow.
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-deprecated': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['server/**'],
    rules: { 'no-restricted-syntax': ['error', ...environment, ...time, ...words] },
  },
  { files: ['protocol/**', 'client/**'], rules: { 'no-restricted-syntax': ['error', ...environment, ...words] } },
  { files: ['server/config.ts'], rules: { 'no-restricted-syntax': ['error', ...time, ...words] } },
  // Loops over samples and pixels index what they have just measured.
  { files: ['server/render/**', 'server/listening/**'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
  { files: ['server/base/clock.ts'], rules: { 'no-restricted-syntax': ['error', ...environment, ...words] } },
  {
    files: ['client/**/*.{ts,tsx}'],
    extends: [reactHooks.configs.flat['recommended-latest']],
  },
  {
    // Tests read JSON of unknown shape and look into fixed arrays; `any` itself stays forbidden.
    files: tests,
    rules: {
      'no-restricted-syntax': ['error', ...words],
      '@typescript-eslint/no-non-null-assertion': 'off',
      ...unsafe,
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/restrict-plus-operands': 'off',
    },
  },
  // Plain JavaScript has casts only in comments; tsc checks it all the same.
  { files: ['**/*.mjs'], rules: { ...unsafe, '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off' } },
  // Command-line programs speak to a person on a terminal.
  { files: ['scripts/**', 'bench/**', '*.config.{js,ts}'], rules: { 'no-console': 'off' } },
  { files: ['*.config.js', '.dependency-cruiser.js'], extends: [tseslint.configs.disableTypeChecked] },
);
