import { createLog } from '#base/log.ts';
import { asAvatarError } from '#base/errors.ts';
import { systemClock } from '#base/clock.ts';
import { missing, ok, type Finding } from './findings.ts';

/** What GPU workers need of it: `XPENDING … IDLE`. */
const OLDEST = [6, 2] as const;

/** Whether the Redis of REDIS_URL answers, is new enough, and keeps what it is told. Never says its address: a password may be in it. */
export async function redis(url: string): Promise<Finding[]> {
  const { Connection } = await import('#server/bus/redis/connection.ts');
  const connection = Connection.open({ url, clock: systemClock, log: createLog('silent'), patience: 2_000 });
  try {
    const about = await connection.call('answer', (client) => client.info('server', 'persistence'));
    const said = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(about)?.[1] ?? '';
    const version = said('redis_version');
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
      return [missing('REDIS_URL', `Redis ${version} is too old`, `use Redis ${OLDEST.join('.')} or newer`)];
    const isKept = said('aof_enabled') === '1';
    return [
      ok(
        'REDIS_URL',
        `Redis ${version}, ${isKept ? 'keeps waiting leases when it restarts' : 'forgets waiting leases when it restarts'}`,
      ),
    ];
  } catch (error) {
    const { message, details } = asAvatarError(error);
    const fix =
      details?.['kind'] === 'refused'
        ? 'correct user and password in REDIS_URL'
        : 'start it, or correct REDIS_URL; Debian has redis-server';
    return [missing('REDIS_URL', message, fix)];
  } finally {
    connection.cut();
  }
}
