import { availableParallelism, homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { AvatarError } from '#base/errors.ts';
import { redact } from '#base/redact.ts';
import { isRange } from './auth/addresses.ts';
import { PROVIDER_FIELDS, PROVIDER_SECRETS, providerConflicts, providersOf, type Providers } from './provider-settings.ts';
import { decimal, hidden, integer, oneOf } from './setting-kinds.ts';
import { REMOTE_FIELDS, remoteConflicts, remoteOf, type RemoteSettings } from './remote-settings.ts';
import { strangers } from './settings.ts';

type Env = Readonly<Record<string, string | undefined>>;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

const origin = (what: string) =>
  z
    .string()
    .refine((text) => {
      if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
      const url = new URL(text);
      return url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password;
    }, `must be ${what} such as "https://avatar.example.com", without a path`)
    .transform((text) => new URL(text).origin);

const origins = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(
    z.array(
      z.union([z.literal('*'), origin('a comma-separated list of origins')], {
        error: 'must be "*" or a comma-separated list of origins such as "https://app.example.com"',
      }),
    ),
  );

const ranges = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .refine(
    (parts) => parts.every(isRange),
    'must be a comma-separated list of the addresses or ranges of your proxies, such as "127.0.0.1, 10.0.0.0/8"',
  );

/** A pace, and what it becomes from which window of an utterance on. */
const rtf = z.string().transform((text, context) => {
  const [, first = '', later, from] = /^(\d{1,3}(?:\.\d{1,9})?)(?:,(\d{1,3}(?:\.\d{1,9})?)@(\d{1,6}))?$/.exec(text) ?? [];
  if (first !== '' && Number(first) <= 100 && Number(later ?? 0) <= 100)
    return { rtf: Number(first), ...(later === undefined ? {} : { later: { rtf: Number(later), from: Number(from) } }) };
  context.addIssue({
    code: 'custom',
    message: 'must be a number from 0 to 100, or two such as "1.2,3@4": 1.2, and 3 from the fourth window on',
  });
  return z.NEVER;
});

/** Where history is kept. The value may hold a password, so it is never repeated. */
const database = z.string().transform((url, context) => {
  if (url === 'memory:') return { kind: 'memory' as const };
  const path = /^sqlite:(?:\/\/(?=\/))?(.+)$/.exec(url)?.[1];
  if (path !== undefined && path !== ':memory:') return { kind: 'sqlite' as const, path: resolve(path) };
  const message = /^postgres(ql)?:/i.test(url)
    ? 'names PostgreSQL, which is not available yet; use "sqlite:<file>", or leave it unset'
    : 'must be "sqlite:<file>", or "memory:" to keep nothing';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const Settings = z.object({
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:[\]_-]{1,253}$/, 'must be an IP address or a host name')
    .default('127.0.0.1'),
  PORT: integer(0, 65_535).default(3_000),
  PUBLIC_URL: origin('an http(s) URL').optional(),
  ALLOWED_ORIGINS: origins.default([]),
  TRUST_PROXY: ranges.default([]),
  ANNOUNCED_ADDRESS: z
    .string()
    .regex(/^[A-Za-z0-9.:-]{1,253}$/, 'must be an IP address or a host name')
    .optional(),
  RTC_PORT: integer(0, 65_535).default(44_444),
  RTC_WORKERS: integer(1, 64).default(Math.min(4, availableParallelism())),
  DATA_DIR: z.string().optional(),
  DATABASE_URL: database.optional(),
  ...PROVIDER_FIELDS,
  RENDERER: oneOf('portrait', 'remote', 'pattern').default('portrait'),
  ...REMOTE_FIELDS,
  PATTERN_RTF: rtf.default({ rtf: 0 }),
  PATTERN_DROP: decimal(0, 1).default(0),
  PATTERN_DELAY: integer(0, 600_000).default(0),
  PATTERN_FAIL_AFTER: integer(0, 1_000_000).optional(),
  EXPRESSIONS: oneOf('on', 'off').default('on'),
  END_OF_TURN: integer(200, 10_000).default(250),
  END_OF_TURN_UNFINISHED: integer(200, 10_000).default(1_200),
  PREFER: oneOf('prompt', 'smooth').default('prompt'),
  AUTH_SECRET: hidden(16).optional(),
  LOG_LEVEL: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent').default('info'),
  MAX_SESSIONS: integer(1, 100_000).default(100),
  MAX_VIEWERS: integer(1, 100_000).default(100),
  MAX_AVATARS: integer(0, 100_000).default(100),
  SESSION_IDLE_TIMEOUT: integer(1_000, 2_000_000_000).default(600_000),
  SESSION_RETENTION: integer(0, 1_000_000_000_000).default(30 * 86_400_000),
  TOKEN_TTL: integer(1_000, 2_000_000_000).default(86_400_000),
  CREATE_RATE_LIMIT: integer(1, 1_000_000).default(120),
  PROMPT_RATE_LIMIT: integer(1, 1_000_000).default(120),
  REQUEST_RATE_LIMIT: integer(1, 1_000_000).default(12_000),
  CONNECTION_RATE_LIMIT: integer(1, 1_000_000).default(600),
  AUTH_FAILURE_RATE_LIMIT: integer(1, 1_000_000).default(600),
  MAX_CONNECTIONS: integer(1, 1_000_000).default(1_000),
});

export const SETTING_NAMES: readonly string[] = Object.keys(Settings.shape);
const SECRETS = new Set(['AUTH_SECRET', 'DATABASE_URL', 'REDIS_URL', ...PROVIDER_SECRETS]);
const SECRET_NAME = /(KEY|SECRET|TOKEN|PASSWORD)$/;
/** What is shorter is no secret, and would be cut out of ordinary words. */
const SHORTEST_SECRET = 8;

/** Everything that can be set from outside. Durations are ms, rates are per minute. */
export interface Config extends Providers {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Origin that clients reach this server under; undefined = the host each request names. */
  readonly publicUrl: string | undefined;
  /** Origins besides our own that may use HTTP and socket.io from a browser; `*` = any. */
  readonly allowedOrigins: readonly string[];
  /** Addresses and ranges of proxies whose X-Forwarded headers are believed; empty = nobody's. */
  readonly trustProxy: readonly string[];
  readonly announcedAddress: string | undefined;
  /** Worker k listens on rtcPort + k; 0 = any free ports. */
  readonly rtcPort: number;
  readonly rtcWorkers: number;
  /** Absolute. */
  readonly dataDir: string;
  readonly database: DatabaseSettings;
  readonly renderer: 'portrait' | 'remote' | 'pattern';
  readonly remote: RemoteSettings;
  readonly pattern: PatternSettings;
  /** Faces that can show how they listen and think do. */
  readonly expressions: boolean;
  /** Silence that ends a host's turn, after words that sound finished and after ones that don't. */
  readonly patience: { readonly finished: number; readonly unfinished: number };
  /** Each clause as soon as it can't stall, or an utterance without pauses. */
  readonly prefer: 'prompt' | 'smooth';
  readonly authSecret: string | undefined;
  readonly logLevel: string;
  readonly maxSessions: number;
  /** Per session. */
  readonly maxViewers: number;
  /** That may be made here. */
  readonly maxAvatars: number;
  readonly sessionIdleTimeout: number;
  /** That ended sessions and what was said in them are kept. */
  readonly sessionRetention: number;
  readonly tokenTtl: number;
  readonly createRateLimit: number;
  readonly promptRateLimit: number;
  /** HTTP requests, sockets opened and refused tokens: per address. */
  readonly requestRateLimit: number;
  readonly connectionRateLimit: number;
  readonly authFailureRateLimit: number;
  /** Connections open at once, per address. */
  readonly maxConnections: number;
  /** Keys, passwords and whatever else in the environment must never be written anywhere. */
  readonly secrets: readonly string[];
  /** One line each for what is set but has no effect; to be logged at start. */
  readonly warnings: readonly string[];
}

/** Where sessions and turns are kept: one SQLite file, by its absolute path, or nowhere. */
export type DatabaseSettings = { readonly kind: 'sqlite'; readonly path: string } | { readonly kind: 'memory' };

/** Faults the test card makes on purpose. */
export interface PatternSettings {
  /** Seconds of work per second of pictures; 0 = as fast as it can. */
  readonly rtf: number;
  /** What that becomes from a window of each utterance on, counted from 1. */
  readonly later?: { readonly rtf: number; readonly from: number };
  /** Share of pictures left out, 0 to 1. */
  readonly drop: number;
  /** ms before each window's first picture. */
  readonly delay: number;
  /** Windows drawn before rendering fails; undefined = never. */
  readonly failAfter: number | undefined;
}

/**
 * Reads the environment once. Empty values count as unset.
 * Throws AvatarError `bad_request` with one line that names each wrong setting, its value unless secret, and what is allowed.
 */
export function readConfig(env: Env): Config {
  const given = Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value?.trim() ? [[name, value.trim()]] : [])));
  const parsed = Settings.safeParse(given);
  if (!parsed.success) throw refusal(parsed.error.issues.map((issue) => complaint(String(issue.path[0]), issue.message, given)));
  const read = parsed.data;
  const conflicts = conflictsOf(read);
  if (conflicts.length > 0) throw refusal(conflicts);
  const dataDir = resolve(read.DATA_DIR ?? join(given.HOME ?? homedir(), '.local', 'share', 'infinitetalk-rtc'));
  return {
    host: read.HOST,
    port: read.PORT,
    publicUrl: read.PUBLIC_URL,
    allowedOrigins: read.ALLOWED_ORIGINS,
    trustProxy: read.TRUST_PROXY,
    announcedAddress: read.ANNOUNCED_ADDRESS,
    rtcPort: read.RTC_PORT,
    rtcWorkers: read.RTC_WORKERS,
    dataDir,
    database: read.DATABASE_URL ?? { kind: 'sqlite', path: join(dataDir, 'history.db') },
    ...providersOf(read),
    renderer: read.RENDERER,
    remote: remoteOf(read),
    pattern: { ...read.PATTERN_RTF, drop: read.PATTERN_DROP, delay: read.PATTERN_DELAY, failAfter: read.PATTERN_FAIL_AFTER },
    patience: { finished: read.END_OF_TURN, unfinished: read.END_OF_TURN_UNFINISHED },
    prefer: read.PREFER,
    authSecret: read.AUTH_SECRET,
    logLevel: read.LOG_LEVEL,
    maxSessions: read.MAX_SESSIONS,
    expressions: read.EXPRESSIONS === 'on',
    maxViewers: read.MAX_VIEWERS,
    maxAvatars: read.MAX_AVATARS,
    sessionIdleTimeout: read.SESSION_IDLE_TIMEOUT,
    sessionRetention: read.SESSION_RETENTION,
    tokenTtl: read.TOKEN_TTL,
    createRateLimit: read.CREATE_RATE_LIMIT,
    promptRateLimit: read.PROMPT_RATE_LIMIT,
    requestRateLimit: read.REQUEST_RATE_LIMIT,
    connectionRateLimit: read.CONNECTION_RATE_LIMIT,
    authFailureRateLimit: read.AUTH_FAILURE_RATE_LIMIT,
    maxConnections: read.MAX_CONNECTIONS,
    secrets: secretsIn(given),
    warnings: strangers(given, SETTING_NAMES),
  };
}

function conflictsOf(read: z.infer<typeof Settings>): string[] {
  const found = [...providerConflicts(read), ...remoteConflicts(read)];
  if (!read.AUTH_SECRET && !LOOPBACK.test(read.HOST)) {
    found.push(
      `HOST is "${read.HOST}", which others can reach: set AUTH_SECRET (at least 16 characters), or leave HOST at 127.0.0.1`,
    );
  }
  if (read.END_OF_TURN > read.END_OF_TURN_UNFINISHED) {
    found.push(
      `END_OF_TURN ${read.END_OF_TURN} is longer than END_OF_TURN_UNFINISHED ${read.END_OF_TURN_UNFINISHED}: what sounds finished must be waited for no longer than what doesn't`,
    );
  }
  if (read.RTC_PORT === 0) return found;
  const last = read.RTC_PORT + read.RTC_WORKERS - 1;
  if (last > 65_535)
    found.push(`RTC_PORT ${read.RTC_PORT} leaves no room for ${read.RTC_WORKERS} workers: ${last} is above 65535`);
  if (read.PORT >= read.RTC_PORT && read.PORT <= last) {
    found.push(`PORT ${read.PORT} collides with the media ports ${read.RTC_PORT} to ${last} (RTC_PORT and RTC_WORKERS)`);
  }
  return found;
}

function complaint(name: string, message: string, given: Env): string {
  return isSecret(name) ? `${name} ${message}` : `${name} ${message}, but is ${redact(JSON.stringify(given[name]))}`;
}

const isSecret = (name: string): boolean => SECRETS.has(name) || SECRET_NAME.test(name);

function secretsIn(given: Readonly<Record<string, string>>): string[] {
  return Object.entries(given).flatMap(([name, value]) => {
    const { password } = URL.canParse(value) ? new URL(value) : { password: '' };
    const found = [SECRET_NAME.test(name) ? value : '', password, unescape(password)];
    return [...new Set(found)].filter((secret) => secret.length >= SHORTEST_SECRET);
  });
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const refusal = (lines: readonly string[]): AvatarError =>
  new AvatarError('bad_request', `Wrong configuration: ${[...new Set(lines)].join('; ')}`);
