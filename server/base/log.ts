import { pino, type Logger } from 'pino';

export type Log = Logger;

/** JSON lines on stdout. What names itself a secret is cut out before it is written. */
export function createLog(level: string, destination?: { write(line: string): void }): Log {
  const secrets = ['token', 'authorization', 'password', 'secret', 'apiKey', 'credential', 'cookie'];
  const options = {
    level,
    base: { name: 'infinitetalk-rtc' },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
  };
  return destination ? pino(options, destination) : pino(options);
}

export const silentLog: Log = pino({ level: 'silent' });
