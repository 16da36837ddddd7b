import { z } from 'zod';
import { integer } from './setting-kinds.ts';

/** May hold a password, so it is never repeated. */
const redisUrl = z
  .string()
  .refine(
    (text) => /^rediss?:\/\/./i.test(text) && URL.canParse(text),
    'must be the address of a Redis such as "redis://localhost:6379" or "rediss://user:password@host:6380/0"',
  );

const linkUrl = z
  .string()
  .refine((text) => {
    if (!/^wss?:\/\//i.test(text) || !URL.canParse(text)) return false;
    const url = new URL(text);
    return url.pathname === '/' && !url.search && !url.hash && !url.username && !url.password;
  }, 'must be a ws(s) URL such as "ws://10.0.0.5:3000", without a path')
  .transform((text) => new URL(text).origin);

/** Both sides even, as I420 wants them; at most what H.264 level 3.1 carries. */
const size = z.string().transform((text, context) => {
  const [, w = '', h = ''] = /^(\d{2,4})x(\d{2,4})$/.exec(text) ?? [];
  const [width, height] = [Number(w), Number(h)];
  const fits = Math.ceil(width / 16) * Math.ceil(height / 16) <= 3_600;
  if (Math.min(width, height) >= 64 && width % 2 === 0 && height % 2 === 0 && fits) return { width, height };
  context.addIssue({ code: 'custom', message: 'must be a width and a height, both even, such as "512x512"; at most 720x1280' });
  return z.NEVER;
});

export const REMOTE_FIELDS = {
  REDIS_URL: redisUrl.optional(),
  RENDER_ENGINE: z
    .string()
    .regex(/^[a-z0-9_-]{1,64}$/, 'must be the name of an engine such as "infinitetalk"')
    .default('infinitetalk'),
  RENDER_FALLBACKS: z
    .string()
    .regex(/^[a-z0-9_-]{1,64}(,[a-z0-9_-]{1,64})*$/, 'must be names of engines, the best first, such as "flashtalk,flashhead"')
    .transform((text) => [...new Set(text.split(','))])
    .default([]),
  RENDER_SIZE: size.default({ width: 512, height: 512 }),
  RENDER_PATIENCE: integer(0, 3_600_000).default(60_000),
  FRAME_LINK_URL: linkUrl.optional(),
};

/** GPU workers: how they are found, and what they are asked for. */
export interface RemoteSettings {
  /** The bus; undefined = this process. May hold a password. */
  readonly redisUrl: string | undefined;
  readonly engine: string;
  /** Engines that draw where it can't in time, the best first. */
  readonly fallbacks: readonly string[];
  /** The stage's. */
  readonly size: { readonly width: number; readonly height: number };
  /** How long speech may wait for a worker, ms. */
  readonly patience: number;
  /** Origin that workers reach this server under; undefined = PUBLIC_URL, or this machine. */
  readonly linkUrl: string | undefined;
}

type Read = z.infer<z.ZodObject<typeof REMOTE_FIELDS>>;

export const remoteOf = (read: Read): RemoteSettings => ({
  redisUrl: read.REDIS_URL,
  engine: read.RENDER_ENGINE,
  fallbacks: read.RENDER_FALLBACKS.filter((engine) => engine !== read.RENDER_ENGINE),
  size: read.RENDER_SIZE,
  patience: read.RENDER_PATIENCE,
  linkUrl: read.FRAME_LINK_URL,
});

export function remoteConflicts({ RENDERER, REDIS_URL }: Pick<Read, 'REDIS_URL'> & { readonly RENDERER: string }): string[] {
  if (RENDERER !== 'remote' || REDIS_URL !== undefined) return [];
  return ['RENDERER is "remote", which finds its GPU workers by Redis: set REDIS_URL, such as "redis://localhost:6379"'];
}
