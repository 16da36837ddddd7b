import { pino, type Logger } from 'pino';
import { redactJson } from './redact.ts';

export type Log = Logger;

/** JSON lines on stdout. What names itself a secret, looks like one, or is one of `secrets` is cut out before a line is written. */
export function createLog(level: string, destination?: { write(line: string): void }, secrets: readonly string[] = []): Log {
  const options = {
    level,
    base: { name: 'infinitetalk-rtc' },
    timestamp: pino.stdTimeFunctions.isoTime,
    // The whole line, so that neither depth nor a message, a cause or a stack is a way around it.
    hooks: { streamWrite: (line: string) => `${redactJson(line, secrets)}\n` },
  };
  return destination ? pino(options, destination) : pino(options);
}

export const silentLog: Log = pino({ level: 'silent' });
