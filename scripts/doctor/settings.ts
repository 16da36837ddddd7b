import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Config } from '#server/config.ts';
import { absent, missing, ok, type Finding } from './findings.ts';
import { providers } from './providers.ts';
import { redis } from './redis.ts';

/** Settings, ports and folders as the server would use them. Needs the npm packages. */
export async function settings(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const { readConfig } = await import('#server/config.ts');
  let config: Config;
  try {
    config = readConfig(env);
  } catch (error) {
    return [missing('settings', error instanceof Error ? error.message : String(error), 'correct it or unset it')];
  }
  return [
    ok('settings', `llm ${config.llm}, tts ${config.tts}, stt ${config.stt}, renderer ${config.renderer}`),
    ...config.warnings.map((warning) => absent('settings', warning, 'unset it, or leave it for later')),
    ...keys(env),
    ...(await providers(config)),
    ...(config.remote.redisUrl === undefined ? [] : await redis(config.remote.redisUrl)),
    dataDir(config.dataDir),
    await httpPort(config),
    await mediaPorts(config),
  ];
}

/** Whether a key is set, never which. */
function keys(env: NodeJS.ProcessEnv): Finding[] {
  return ['AUTH_SECRET', 'OPENAI_API_KEY', 'ELEVENLABS_API_KEY'].map((name) => ok(name, env[name]?.trim() ? 'set' : 'not set'));
}

function dataDir(path: string): Finding {
  try {
    mkdirSync(path, { recursive: true });
    const probe = join(path, `.doctor-${process.pid}`);
    writeFileSync(probe, '');
    rmSync(probe);
    return ok('DATA_DIR', `${path} is writable`);
  } catch (error) {
    return missing('DATA_DIR', `${path}: ${reasonOf(error)}`, 'make it writable, or name another folder in DATA_DIR');
  }
}

async function httpPort({ host, port }: Config): Promise<Finding> {
  const problem = await tryTcp(host, port);
  return problem
    ? missing('PORT', `${host}:${port}: ${problem}`, 'stop what listens there (this server, perhaps), or set PORT')
    : ok('PORT', `${host}:${port} is free`);
}

async function mediaPorts({ rtcPort, rtcWorkers }: Config): Promise<Finding> {
  if (rtcPort === 0) return ok('RTC_PORT', 'any free ports');
  const problems: string[] = [];
  for (let port = rtcPort; port < rtcPort + rtcWorkers; port += 1) {
    const problem = (await tryTcp('0.0.0.0', port)) ?? (await tryUdp(port));
    if (problem) problems.push(`${port}: ${problem}`);
  }
  const range = `${rtcPort} to ${rtcPort + rtcWorkers - 1}, UDP and TCP`;
  return problems.length === 0
    ? ok('RTC_PORT', `${range}, are free`)
    : missing('RTC_PORT', problems.join('; '), `free ${range}, or set RTC_PORT`);
}

/** What is wrong with listening there; undefined when nothing is. */
async function tryTcp(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    return reasonOf(error);
  } finally {
    server.close();
  }
}

async function tryUdp(port: number): Promise<string | undefined> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port);
    await once(socket, 'listening');
    return undefined;
  } catch (error) {
    return reasonOf(error);
  } finally {
    socket.close();
  }
}

const REASONS: Record<string, string> = {
  EADDRINUSE: 'already in use',
  EADDRNOTAVAIL: 'not an address of this machine',
  EACCES: 'not allowed',
};

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? message;
}
