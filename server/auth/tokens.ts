import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jwtVerify, SignJWT, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { z } from 'zod';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Role } from '#protocol/http.ts';

/** Whom a token speaks for: one role in one session, or a server that may create sessions. */
export type Claims = { readonly role: Role; readonly sessionId: string } | { readonly role: 'server' };

const Payload = z.union([
  z.object({ role: Role, sub: z.string().min(1) }).transform(({ role, sub }): Claims => ({ role, sessionId: sub })),
  z.object({ role: z.literal('server') }).transform((): Claims => ({ role: 'server' })),
  z.object({ role: z.undefined().optional(), sub: z.literal('server') }).transform((): Claims => ({ role: 'server' })),
]);

/** Whom tokens for workers are for; tokens of people name nobody, and neither kind passes for the other. */
const FRAME_LINK = 'frame-link';
const LeasePayload = z.object({ sub: z.string().min(1) });

export interface TokenOptions {
  /** Undefined: a random secret is made once and kept in `dataDir`, and creating sessions needs no token on loopback. */
  readonly secret: string | undefined;
  readonly dataDir: string;
  /** ms that issued tokens live. */
  readonly ttl: number;
  readonly clock: Clock;
}

/** Signs and checks tokens: JWT (RFC 7519) with HS256, `sub` the session id (or `server`) and `role`. */
export class Tokens {
  /** True when AUTH_SECRET is set, so that creating a session needs a token of role `server`. */
  readonly guarded: boolean;
  readonly #key: Uint8Array;
  readonly #options: TokenOptions;

  private constructor(key: Uint8Array, options: TokenOptions) {
    this.#key = key;
    this.#options = options;
    this.guarded = options.secret !== undefined;
  }

  static async open(options: TokenOptions): Promise<Tokens> {
    const key = options.secret === undefined ? await storedSecret(options.dataDir) : new TextEncoder().encode(options.secret);
    return new Tokens(key, options);
  }

  issue(claims: Claims, ttl = this.#options.ttl): Promise<string> {
    const seconds = Math.floor(this.#options.clock.wall() / 1_000);
    return (
      new SignJWT({ role: claims.role })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(claims.role === 'server' ? 'server' : claims.sessionId)
        // Two tokens are of two people, even where they were issued in the same second.
        .setJti(randomUUID())
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + Math.ceil(ttl / 1_000))
        .sign(this.#key)
    );
  }

  /** A token that opens the frame link of one lease, and nothing else. */
  issueForLease(lease: string, ttl: number): Promise<string> {
    const seconds = Math.floor(this.#options.clock.wall() / 1_000);
    return new SignJWT()
      .setProtectedHeader({ alg: 'HS256' })
      .setAudience(FRAME_LINK)
      .setSubject(lease)
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + Math.ceil(ttl / 1_000))
      .sign(this.#key);
  }

  /** The lease it was issued for. Throws as `verify` does. */
  verifyForLease(token: string): Promise<string> {
    return this.#read(token, { audience: FRAME_LINK }, (payload) => LeasePayload.parse(payload).sub);
  }

  /** Throws AvatarError `unauthorized` for a token that is malformed, expired, or signed with another secret. */
  verify(token: string): Promise<Claims> {
    return this.#read(token, {}, (payload) => Payload.parse(payload));
  }

  async #read<T>(token: string, options: JWTVerifyOptions, parse: (payload: JWTPayload) => T): Promise<T> {
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        ...options,
        algorithms: ['HS256'],
        currentDate: new Date(this.#options.clock.wall()),
      });
      return parse(payload);
    } catch (cause) {
      const expired = cause instanceof Error && 'code' in cause && cause.code === 'ERR_JWT_EXPIRED';
      const message = expired ? 'The token has expired; ask for a new one.' : 'The token is not one of this server.';
      throw new AvatarError('unauthorized', message, { cause });
    }
  }
}

const SECRET_BYTES = 32;

async function storedSecret(dataDir: string): Promise<Uint8Array> {
  const file = join(dataDir, 'secret');
  try {
    const kept = await readFile(file, 'utf8').catch(async (error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
      await makeSecret(dataDir, file);
      return readFile(file, 'utf8');
    });
    const secret = Buffer.from(kept.trim(), 'base64url');
    if (secret.length >= SECRET_BYTES) return secret;
  } catch (cause) {
    const why = codeOf(cause) === 'ENOSPC' ? 'the disk is full' : cause instanceof Error ? cause.message : String(cause);
    const message = `The signing secret can't be kept in ${dataDir}: ${why}. Make it writable, or set DATA_DIR to another folder.`;
    throw new AvatarError('storage_failed', message, { cause });
  }
  throw new AvatarError('internal', `${file} holds no signing secret of ${SECRET_BYTES} bytes; delete it and start again.`);
}

/** Written aside and linked into place, so that of two servers that start at once both read the same whole secret. */
async function makeSecret(dataDir: string, file: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, randomBytes(SECRET_BYTES).toString('base64url'), { mode: 0o600, flag: 'wx' });
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
