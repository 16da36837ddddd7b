import fc from 'fast-check';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { AvatarError } from '#base/errors.ts';
import { readConfig, SETTING_NAMES } from './config.ts';

const complaintOf = (env: Record<string, string>): string => {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(AvatarError);
    return (error as AvatarError).message;
  }
  throw new Error(`accepted ${JSON.stringify(env)}`);
};

test('nothing set: the defaults of the interface', () => {
  expect(readConfig({ HOME: '/home/ada' })).toMatchObject({
    host: '127.0.0.1',
    port: 3000,
    publicUrl: undefined,
    allowedOrigins: [],
    rtcPort: 44444,
    dataDir: '/home/ada/.local/share/infinitetalk-rtc',
    llm: 'demo',
    tts: 'flite',
    stt: 'pocketsphinx',
    renderer: 'portrait',
    authSecret: undefined,
    logLevel: 'info',
    maxSessions: 100,
    maxViewers: 100,
    sessionIdleTimeout: 600_000,
    patience: { finished: 250, unfinished: 1_200 },
    prefer: 'prompt',
    pattern: { rtf: 0, drop: 0, delay: 0 },
    warnings: [],
  });
  const workers = readConfig({}).rtcWorkers;
  expect(workers).toBeGreaterThanOrEqual(1);
  expect(workers).toBeLessThanOrEqual(4);
});

test('an empty value counts as unset, spaces around one do not matter', () => {
  expect(readConfig({ PORT: '', LOG_LEVEL: '  ' })).toMatchObject({ port: 3000, logLevel: 'info' });
  expect(readConfig({ PORT: ' 8080 ' }).port).toBe(8080);
});

test.each([
  ['PORT', '70000', 'from 0 to 65535'],
  ['PORT', '3e3', 'whole number'],
  ['PORT', '-1', 'whole number'],
  ['RTC_PORT', '70000', 'from 0 to 65535'],
  ['RTC_WORKERS', '0', 'from 1 to 64'],
  ['PUBLIC_URL', 'example.com', 'https://avatar.example.com'],
  ['PUBLIC_URL', 'https://example.com/path', 'without a path'],
  ['ALLOWED_ORIGINS', 'https://a.example, nonsense', 'comma-separated list'],
  ['TRUST_PROXY', 'true', 'addresses or ranges of your proxies'],
  ['TRUST_PROXY', '10.0.0.0/99', 'addresses or ranges of your proxies'],
  ['ANNOUNCED_ADDRESS', 'not an address', 'IP address'],
  ['HOST', 'a b', 'IP address'],
  ['LLM', 'gpt', 'openai, demo'],
  ['TTS', 'espeak', 'elevenlabs, openai, flite'],
  ['LLM_PRICE', '3', 'in and out'],
  ['ELEVENLABS_VOICE_ID', '../x', 'letters'],
  ['RENDERER', 'gpu', 'portrait, remote, pattern'],
  ['RENDER_ENGINE', 'Infinite Talk', 'name of an engine'],
  ['RENDER_FALLBACKS', 'flashhead, nobody', 'names of engines'],
  ['RENDER_SIZE', '511x512', 'both even'],
  ['RENDER_SIZE', '4000x4000', 'at most 720x1280'],
  ['RENDER_PATIENCE', '-1', 'from 0'],
  ['FRAME_LINK_URL', 'http://x', 'ws(s) URL'],
  ['FRAME_LINK_URL', 'ws://x/path', 'without a path'],
  ['PATTERN_DROP', '1.5', 'from 0 to 1'],
  ['PATTERN_RTF', 'NaN', 'a number'],
  ['PATTERN_RTF', '1,2', 'from the fourth window on'],
  ['PATTERN_RTF', '101', 'from 0 to 100'],
  ['END_OF_TURN', '100', 'from 200 to 10000'],
  ['END_OF_TURN_UNFINISHED', '1.2', 'whole number'],
  ['PREFER', 'fast', 'prompt, smooth'],
  ['LOG_LEVEL', 'loud', 'debug'],
  ['MAX_SESSIONS', '0', 'from 1'],
])('%s=%s is refused by name, with its value and what is allowed', (name, value, allowed) => {
  const line = complaintOf({ [name]: value });
  expect(line).toContain(name);
  expect(line).toContain(JSON.stringify(value));
  expect(line).toContain(allowed);
  expect(line).not.toContain('\n');
});

test('the test card can be made slower in the middle of what it draws', () => {
  expect(readConfig({ PATTERN_RTF: '2.5' }).pattern).toMatchObject({ rtf: 2.5 });
  expect(readConfig({ PATTERN_RTF: '1.2,3@4' }).pattern).toMatchObject({ rtf: 1.2, later: { rtf: 3, from: 4 } });
});

test('what comes later is refused when chosen, and reported when merely set', () => {
  expect(complaintOf({ STT: 'whisper' })).toMatch(/STT must be one of elevenlabs, openai, pocketsphinx/);
  const config = readConfig({ TURN_SECRET: 'hush', S3_BUCKET: 'b' });
  expect(config.warnings).toHaveLength(2);
  expect(config.warnings.join()).not.toContain('hush');
});

test('a remote renderer needs a Redis to find its workers by, and never repeats its address', () => {
  expect(complaintOf({ RENDERER: 'remote' })).toMatch(/RENDERER is "remote".*set REDIS_URL/);
  expect(readConfig({ RENDERER: 'remote', REDIS_URL: 'redis://:hush@x' })).toMatchObject({
    renderer: 'remote',
    remote: { redisUrl: 'redis://:hush@x', engine: 'infinitetalk', size: { width: 512, height: 512 }, patience: 60_000 },
  });
  const line = complaintOf({ RENDERER: 'remote', REDIS_URL: 'http://:hush@x' });
  expect(line).toMatch(/REDIS_URL must be the address of a Redis/);
  expect(line).not.toContain('hush');
});

test.each([
  [{}, 'demo', 'flite'],
  [{ OPENAI_API_KEY: 'k' }, 'openai', 'openai'],
  [{ OPENAI_BASE_URL: 'http://localhost:11434/v1' }, 'openai', 'flite'],
  [{ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://localhost:8000/v1' }, 'openai', 'flite'],
  [{ OPENAI_BASE_URL: 'http://localhost:8000/v1', OPENAI_TTS_MODEL: 'kokoro' }, 'openai', 'openai'],
  [{ ELEVENLABS_API_KEY: 'k' }, 'demo', 'elevenlabs'],
  [{ ELEVENLABS_API_KEY: 'k', OPENAI_API_KEY: 'k' }, 'openai', 'elevenlabs'],
  [{ ELEVENLABS_API_KEY: 'k', OPENAI_API_KEY: 'k', LLM: 'demo', TTS: 'flite' }, 'demo', 'flite'],
])('%j is answered by %s and spoken by %s', (env, llm, tts) => {
  expect(readConfig(env)).toMatchObject({ llm, tts, warnings: [] });
});

test.each([
  [{}, 'pocketsphinx'],
  [{ OPENAI_API_KEY: 'k' }, 'openai'],
  [{ OPENAI_BASE_URL: 'http://localhost:11434/v1' }, 'pocketsphinx'],
  [{ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://localhost:8000/v1' }, 'pocketsphinx'],
  [{ OPENAI_BASE_URL: 'http://localhost:8000/v1', OPENAI_STT_MODEL: 'whisper-1' }, 'openai'],
  [{ OPENAI_STT_MODEL: 'whisper-1' }, 'pocketsphinx'],
  [{ ELEVENLABS_API_KEY: 'k', OPENAI_API_KEY: 'k' }, 'elevenlabs'],
  [{ ELEVENLABS_API_KEY: 'k', OPENAI_API_KEY: 'k', STT: 'openai' }, 'openai'],
  [{ ELEVENLABS_API_KEY: 'k', STT: 'pocketsphinx' }, 'pocketsphinx'],
])('%j is heard by %s', (env, stt) => {
  expect(readConfig(env)).toMatchObject({ stt, warnings: [] });
});

test('a provider without what it needs is refused, and what it needs is named', () => {
  expect(complaintOf({ LLM: 'openai' })).toMatch(/LLM is "openai": set OPENAI_API_KEY, or OPENAI_BASE_URL/);
  expect(complaintOf({ TTS: 'openai' })).toMatch(/TTS is "openai": set OPENAI_API_KEY/);
  expect(complaintOf({ TTS: 'elevenlabs' })).toMatch(/TTS is "elevenlabs": set ELEVENLABS_API_KEY/);
  expect(complaintOf({ STT: 'openai' })).toMatch(/STT is "openai": set OPENAI_API_KEY/);
  expect(complaintOf({ STT: 'elevenlabs' })).toMatch(/STT is "elevenlabs": set ELEVENLABS_API_KEY/);
});

test('keys and addresses of providers are never echoed', () => {
  for (const name of ['OPENAI_API_KEY', 'ELEVENLABS_API_KEY']) expect(complaintOf({ [name]: 'sk hush' })).not.toContain('hush');
  for (const name of ['OPENAI_BASE_URL', 'ELEVENLABS_BASE_URL']) {
    const line = complaintOf({ [name]: 'http://ada:hush@localhost/v1' });
    expect(line).toContain(`${name} must be an http(s) URL`);
    expect(line).not.toContain('hush');
  }
});

test('prices are USD per million, tokens in and out, and per hour of sound', () => {
  expect(readConfig({ LLM_PRICE: '0.25/2', TTS_PRICE: '50', STT_PRICE: '0.39' }).prices).toEqual({
    llm: { input: 0.25, output: 2 },
    tts: 50,
    stt: 0.39,
  });
});

test('a model sees when it is known to, or said to; the demo does not', () => {
  const sees = (env: Record<string, string>) => readConfig(env).vision;
  expect(sees({})).toBe(false);
  expect(sees({ OPENAI_API_KEY: 'sk' })).toBe(true);
  expect(sees({ OPENAI_API_KEY: 'sk', OPENAI_MODEL: 'gpt-3.5-turbo' })).toBe(false);
  expect(sees({ OPENAI_API_KEY: 'sk', OPENAI_MODEL: 'gpt-4o-audio-preview' })).toBe(false);
  expect(sees({ OPENAI_API_KEY: 'sk', LLM_VISION: 'off' })).toBe(false);
  expect(sees({ OPENAI_BASE_URL: 'http://localhost:1/v1' })).toBe(false);
  expect(sees({ OPENAI_BASE_URL: 'http://localhost:1/v1', LLM_VISION: 'on' })).toBe(true);
  expect(complaintOf({ LLM_VISION: 'on' })).toMatch(/LLM_VISION is "on", but LLM is "demo"/);
});

test('unknown settings of ours and near misses are reported, strangers are left alone', () => {
  expect(
    readConfig({ RTC_PROT: '1', MAX_SESSION: '5', PATTERN_SPEED: '2', PATH: '/bin', SESSION_MANAGER: 'x', LOGNAME: 'ada' })
      .warnings,
  ).toEqual([
    'MAX_SESSION is not a setting and has no effect; did you mean MAX_SESSIONS?',
    'PATTERN_SPEED is not a setting and has no effect.',
    'RTC_PROT is not a setting and has no effect; did you mean RTC_PORT?',
  ]);
});

test('history is kept in a file of DATA_DIR, in another, or nowhere; PostgreSQL is refused without its password', () => {
  expect(readConfig({ DATA_DIR: '/data' }).database).toEqual({ kind: 'sqlite', path: '/data/history.db' });
  expect(readConfig({ DATABASE_URL: 'sqlite:/x/y.db' }).database).toEqual({ kind: 'sqlite', path: '/x/y.db' });
  expect(readConfig({ DATABASE_URL: 'sqlite:///x/y.db' }).database).toEqual({ kind: 'sqlite', path: '/x/y.db' });
  expect(readConfig({ DATABASE_URL: 'sqlite:y.db' }).database).toEqual({ kind: 'sqlite', path: resolve('y.db') });
  expect(readConfig({ DATABASE_URL: 'memory:' }).database).toEqual({ kind: 'memory' });
  expect(complaintOf({ DATABASE_URL: 'sqlite:' })).toMatch(/DATABASE_URL must be "sqlite:<file>"/);
  const postgres = complaintOf({ DATABASE_URL: 'postgres://ada:hush@db/x' });
  expect(postgres).toMatch(/DATABASE_URL names PostgreSQL, which is not available yet/);
  expect(postgres).not.toContain('hush');
});

test('what must never be written is known: keys, secrets, passwords in addresses; nothing so short that words would lose it', () => {
  const { secrets } = readConfig({
    AUTH_SECRET: 'sixteen characters',
    OPENAI_API_KEY: 'sk-something-long',
    SOME_TOKEN: 'none',
    REDIS_URL: 'redis://ada:pass%20word%20@x',
    OTHER_URL: 'http://ada:100%25%zz@x',
    HOME: '/home/ada-lovelace',
  });
  expect(secrets.toSorted()).toEqual(['100%25%zz', 'pass word ', 'pass%20word%20', 'sixteen characters', 'sk-something-long']);
});

test('a value that holds a password or a key is not repeated, whatever setting it was put into', () => {
  expect(complaintOf({ PUBLIC_URL: 'https://ada:hush@avatar.example' })).not.toContain('hush');
  expect(complaintOf({ LLM: 'sk-hush-hush-hush' })).not.toContain('hush');
  expect(complaintOf({ ALLOWED_ORIGINS: 'https://app.example/?token=hush' })).not.toContain('hush');
});

test('a secret is never echoed', () => {
  const line = complaintOf({ AUTH_SECRET: 'too-short' });
  expect(line).toContain('AUTH_SECRET must have at least 16 characters');
  expect(line).not.toContain('too-short');
});

test('listening beyond loopback needs AUTH_SECRET', () => {
  expect(complaintOf({ HOST: '0.0.0.0' })).toContain('AUTH_SECRET');
  expect(readConfig({ HOST: '0.0.0.0', AUTH_SECRET: 'x'.repeat(32) }).host).toBe('0.0.0.0');
  for (const HOST of ['localhost', '127.0.0.2', '::1']) expect(readConfig({ HOST }).host).toBe(HOST);
});

test('ports that collide or run out are refused', () => {
  expect(complaintOf({ PORT: '5001', RTC_PORT: '5000', RTC_WORKERS: '2' })).toMatch(/PORT 5001 collides/);
  expect(complaintOf({ RTC_PORT: '65535', RTC_WORKERS: '2' })).toMatch(/no room/);
});

test('a finished turn can not be waited for longer than an unfinished one', () => {
  expect(complaintOf({ END_OF_TURN: '1500' })).toMatch(/END_OF_TURN 1500 is longer than END_OF_TURN_UNFINISHED 1200/);
  const { patience } = readConfig({ END_OF_TURN: '400', END_OF_TURN_UNFINISHED: '2000' });
  expect(patience).toEqual({ finished: 400, unfinished: 2_000 });
});

test('any values: a config or one clear line, nothing else', () => {
  const env = fc.dictionary(fc.constantFrom(...SETTING_NAMES), fc.oneof(fc.string(), fc.nat().map(String), fc.webUrl()));
  fc.assert(
    fc.property(env, (values) => {
      try {
        readConfig(values);
      } catch (error) {
        expect(error).toBeInstanceOf(AvatarError);
        expect((error as Error).message).toMatch(/^Wrong configuration: /);
        expect((error as Error).message).not.toContain('\n');
      }
    }),
  );
});
