import { startApp } from './app.ts';
import { readConfig } from './config.ts';
import { asAvatarError } from '#base/errors.ts';
import { createLog } from '#base/log.ts';
import { redact } from '#base/redact.ts';

/** Time to finish the clause on air and close everything, ms. */
const GRACE_MS = 9_000;

try {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel, undefined, config.secrets);
  process.on('unhandledRejection', (error) => log.fatal({ err: error }, 'unhandled rejection'));
  const app = await startApp(config, log);
  log.info({ url: app.url, pid: process.pid }, 'ready');
  if (process.stdout.isTTY) process.stderr.write(`\n  Talk to it: ${app.url}\n\n`);
  const stop = (signal: string): void => {
    log.info({ signal }, 'stopping');
    const overdue = setTimeout(() => process.exit(1), GRACE_MS);
    app.close(signal).then(
      () => {
        clearTimeout(overdue);
        log.info('stopped');
        process.exitCode = 0;
      },
      (error: unknown) => {
        log.error({ err: error }, 'stopped with an error');
        process.exit(1);
      },
    );
  };
  // Not `once`: a library that sees no listener left would end the process by itself.
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
} catch (error) {
  const { code, message } = asAvatarError(error);
  const line = code === 'internal' ? (error instanceof Error ? (error.stack ?? error.message) : String(error)) : message;
  process.stderr.write(`${redact(line)}\n`);
  process.exitCode = 1;
}
