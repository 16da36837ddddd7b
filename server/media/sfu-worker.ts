import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { createWorker, type types } from 'mediasoup';
import { AvatarError } from '#base/errors.ts';

export interface ListenOptions {
  readonly workers: number;
  /** Address to listen on; a wildcard announces the machine's first outer IPv4 address unless `announcedAddress` says otherwise. */
  readonly listenIp: string;
  /** What viewers are told to connect to, where it differs from `listenIp` (NAT, containers). */
  readonly announcedAddress?: string | undefined;
  /** Worker k listens on `rtcPort` + k, UDP and TCP. 0: any free ports. */
  readonly rtcPort: number;
}

/** How long a worker may take to end before it is killed, ms. */
const EXIT_DEADLINE = 3_000;

/** @throws AvatarError `not_ready` when the program can't be started. */
export async function startWorker(): Promise<types.Worker> {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const before = signals.map((signal) => process.listeners(signal));
  const starting = createWorker({ logLevel: 'warn' });
  // mediasoup would close its worker at the first signal, while the clause on air is still to be finished: its owner closes it.
  signals.forEach((signal, index) => {
    for (const added of process.listeners(signal)) if (!before[index]?.includes(added)) process.removeListener(signal, added);
  });
  try {
    return await starting;
  } catch (cause) {
    throw new AvatarError(
      'not_ready',
      'The mediasoup worker could not be started: set-up builds it, MEDIASOUP_WORKER_BIN names it, `npm run doctor` says more.',
      { cause },
    );
  }
}

/** Lets `worker` listen on `port` (0: any). @throws AvatarError `not_ready` when the port is taken. */
export async function listenOn(worker: types.Worker, port: number, options: ListenOptions): Promise<types.WebRtcServer> {
  const announcedAddress = announced(options);
  const listenInfos = (['udp', 'tcp'] as const).map((protocol): types.TransportListenInfo => ({
    protocol,
    ip: options.listenIp,
    ...(announcedAddress === undefined ? {} : { announcedAddress }),
    ...(port === 0 ? {} : { port }),
  }));
  try {
    return await worker.createWebRtcServer({ listenInfos });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AvatarError(
      'not_ready',
      `RTC_PORT: can't listen on ${options.listenIp} port ${port} (UDP and TCP): ${why}. ` +
        `Set RTC_PORT so that ${options.workers} port(s) from it on are free.`,
      { cause },
    );
  }
}

/** Resolves once the process is gone. */
export async function endWorker(worker: types.Worker): Promise<void> {
  worker.close();
  if (worker.subprocessClosed) return;
  const gone = once(worker, 'subprocessclose');
  const late = setTimeout(() => kill(worker.pid), EXIT_DEADLINE);
  await gone;
  clearTimeout(late);
}

/** A wildcard is no address to connect to, so one of the machine's own is told instead. */
function announced({ listenIp, announcedAddress }: ListenOptions): string | undefined {
  if (announcedAddress !== undefined || (listenIp !== '0.0.0.0' && listenIp !== '::')) return announcedAddress;
  const outer = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  return outer?.address ?? '127.0.0.1';
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had just ended by itself.
  }
}
