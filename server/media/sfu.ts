import { EventEmitter, once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { createWorker, setLogEventListeners, type types } from 'mediasoup';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { ROUTER_CODECS } from './codecs.ts';
import { StageRouter } from './stage-router.ts';

export interface SfuOptions {
  readonly workers: number;
  /** Address to listen on; a wildcard announces the machine's first outer IPv4 address unless `announcedAddress` says otherwise. */
  readonly listenIp: string;
  /** What viewers are told to connect to, where it differs from `listenIp` (NAT, containers). */
  readonly announcedAddress?: string | undefined;
  /** Worker k listens on `rtcPort` + k, UDP and TCP. 0: any free ports. */
  readonly rtcPort: number;
  readonly log: Log;
}

export type SfuEvents = {
  /** All routers of this worker are closed; nothing is restarted here. */
  workerdied: [{ pid: number }];
};

interface Listening {
  readonly worker: types.Worker;
  readonly webRtcServer: types.WebRtcServer;
  /** Stage routers plus viewer transports. */
  load: number;
}

/** How long a worker may take to end before it is killed, ms. */
const EXIT_DEADLINE = 3_000;

/** The mediasoup workers, each with its own listening port. */
export class Sfu extends EventEmitter<SfuEvents> {
  readonly #log: Log;
  readonly #life = new Lifetime();
  #listening: Listening[] = [];

  private constructor(log: Log) {
    super();
    this.#log = log;
  }

  /** @throws AvatarError `not_ready` when a worker can't be started or its port is taken; nothing is left running then. */
  static async create(options: SfuOptions): Promise<Sfu> {
    const sfu = new Sfu(options.log);
    listenToMediasoup(options.log);
    try {
      for (let index = 0; index < options.workers; index += 1) await sfu.#start(index, options);
      return sfu;
    } catch (error) {
      await sfu.close('start failed');
      throw error;
    }
  }

  get state(): Lifetime['state'] {
    return this.#life.state;
  }

  /** Process ids of the workers that live. */
  get workers(): number[] {
    return this.#listening.map(({ worker }) => worker.pid);
  }

  /** A router for one session, on the least loaded worker. */
  async createRouter(): Promise<StageRouter> {
    const listening = this.#listening.toSorted((a, b) => a.load - b.load)[0];
    if (!listening || this.state !== 'open') throw new AvatarError('not_ready', 'No media worker is running.');
    listening.load += 1;
    try {
      const router = await StageRouter.create(listening.worker, listening.webRtcServer, ROUTER_CODECS);
      router.router.observer.once('close', () => (listening.load -= 1));
      return router;
    } catch (error) {
      listening.load -= 1;
      throw error;
    }
  }

  /** Idempotent; resolves once every worker process is gone. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async #start(index: number, options: SfuOptions): Promise<void> {
    const worker = await startWorker();
    this.#life.defer(() => endWorker(worker));
    worker.on('died', (error) => this.#died(worker, error));
    const port = options.rtcPort === 0 ? 0 : options.rtcPort + index;
    const webRtcServer = await listen(worker, port, options);
    const listening: Listening = { worker, webRtcServer, load: 0 };
    webRtcServer.observer.on('webrtctransporthandled', () => (listening.load += 1));
    webRtcServer.observer.on('webrtctransportunhandled', () => (listening.load -= 1));
    this.#listening.push(listening);
    options.log.info({ pid: worker.pid, port: port || 'any' }, 'media worker listens');
  }

  #died(worker: types.Worker, error: Error): void {
    this.#listening = this.#listening.filter((listening) => listening.worker !== worker);
    this.#log.error({ pid: worker.pid, err: error }, 'media worker died');
    this.emit('workerdied', { pid: worker.pid });
  }
}

async function startWorker(): Promise<types.Worker> {
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

async function listen(worker: types.Worker, port: number, options: SfuOptions): Promise<types.WebRtcServer> {
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

/** A wildcard is no address to connect to, so one of the machine's own is told instead. */
function announced({ listenIp, announcedAddress }: SfuOptions): string | undefined {
  if (announcedAddress !== undefined || (listenIp !== '0.0.0.0' && listenIp !== '::')) return announcedAddress;
  const outer = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  return outer?.address ?? '127.0.0.1';
}

async function endWorker(worker: types.Worker): Promise<void> {
  worker.close();
  if (worker.subprocessClosed) return;
  const gone = once(worker, 'subprocessclose');
  const late = setTimeout(() => kill(worker.pid), EXIT_DEADLINE);
  await gone;
  clearTimeout(late);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had just ended by itself.
  }
}

/** mediasoup's own warnings; it has one listener per process. */
function listenToMediasoup(log: Log): void {
  setLogEventListeners({
    onwarn: (namespace, line) => log.warn({ namespace }, line),
    onerror: (namespace, line, err) => log.error({ namespace, err }, line),
  });
}
