import { EventEmitter, once } from 'node:events';
import { setLogEventListeners, type types } from 'mediasoup';
import { sleep, systemClock, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { ROUTER_CODECS } from './codecs.ts';
import { endWorker, listenOn, startWorker, type ListenOptions } from './sfu-worker.ts';
import { StageRouter } from './stage-router.ts';

export interface SfuOptions extends ListenOptions {
  readonly log: Log;
  readonly clock?: Clock;
}

export type SfuEvents = {
  /** All routers of this worker are closed; another one is started in its place. */
  workerdied: [{ pid: number }];
  /** A worker listens where one had died. */
  workerback: [{ pid: number }];
};

interface Listening {
  readonly index: number;
  readonly worker: types.Worker;
  readonly webRtcServer: types.WebRtcServer;
  readonly since: number;
  /** To be called when its process has ended by itself. */
  readonly release: () => Promise<void>;
  /** Stage routers plus viewer transports. */
  load: number;
}

/** How long a router may wait for a worker, ms: about what a restart takes when the port is still held for a moment. */
const ROUTER_PATIENCE = 5_000;
/** A worker that lived no longer than this has failed to start, ms. */
const SHORT_LIFE = 5_000;
/** Wait before a start after one that failed, ms; doubled each time. */
const FIRST_RETRY = 100;
const LAST_RETRY = 5_000;

/** The mediasoup workers, each with its own listening port. One that dies is replaced on the same port. */
export class Sfu extends EventEmitter<SfuEvents> {
  readonly #options: SfuOptions;
  readonly #clock: Clock;
  readonly #life = new Lifetime();
  readonly #failures = new Map<number, number>();
  #listening: Listening[] = [];

  private constructor(options: SfuOptions) {
    super();
    this.setMaxListeners(0);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** @throws AvatarError `not_ready` when a worker can't be started or its port is taken; nothing is left running then. */
  static async create(options: SfuOptions): Promise<Sfu> {
    const sfu = new Sfu(options);
    listenToMediasoup(options.log);
    try {
      for (let index = 0; index < options.workers; index += 1) await sfu.#start(index);
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

  /** How many workers are dead, and being replaced. */
  get missing(): number {
    return this.#options.workers - this.#listening.length;
  }

  /** A router for one session, on the least loaded worker; waits a little for one while none lives. @throws AvatarError `not_ready`. */
  async createRouter(): Promise<StageRouter> {
    const deadline = this.#clock.now() + ROUTER_PATIENCE;
    for (;;) {
      const listening = await this.#leastLoaded(deadline);
      try {
        return await routerOn(listening);
      } catch (error) {
        if (!listening.worker.closed) throw error;
      }
    }
  }

  /** Idempotent; resolves once every worker process is gone. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  async #leastLoaded(deadline: number): Promise<Listening> {
    for (;;) {
      const living = this.#listening.filter(({ worker }) => !worker.closed).sort((a, b) => a.load - b.load)[0];
      const left = deadline - this.#clock.now();
      if (this.state === 'open' && living) return living;
      if (this.state !== 'open' || left <= 0) throw new AvatarError('not_ready', 'No media worker is running.');
      await this.#workerBack(left);
    }
  }

  async #workerBack(ms: number): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#life.signal]);
    const back = once(this, 'workerback', { signal }).catch(() => undefined);
    await Promise.race([back, sleep(this.#clock, ms, signal)]);
    over.abort();
  }

  async #start(index: number): Promise<types.Worker> {
    const { rtcPort, log } = this.#options;
    const worker = await startWorker();
    const release = this.#life.defer(() => endWorker(worker));
    try {
      const port = rtcPort === 0 ? 0 : rtcPort + index;
      const webRtcServer = await listenOn(worker, port, this.#options);
      if (worker.closed) throw new AvatarError('not_ready', 'The media worker ended while it started.');
      const listening: Listening = { index, worker, webRtcServer, since: this.#clock.now(), release, load: 0 };
      webRtcServer.observer.on('webrtctransporthandled', () => (listening.load += 1));
      webRtcServer.observer.on('webrtctransportunhandled', () => (listening.load -= 1));
      worker.on('died', (error) => this.#died(listening, error));
      this.#listening.push(listening);
      log.info({ pid: worker.pid, port: port || 'any' }, 'media worker listens');
      return worker;
    } catch (error) {
      await release();
      throw error;
    }
  }

  #died(dead: Listening, error: Error): void {
    const { index, worker, since, release } = dead;
    const livedMs = Math.round(this.#clock.now() - since);
    this.#listening = this.#listening.filter((listening) => listening !== dead);
    if (livedMs > SHORT_LIFE) this.#failures.delete(index);
    this.#options.log.error({ pid: worker.pid, livedMs, err: error }, 'media worker died');
    void release();
    void this.#replace(index);
    this.emit('workerdied', { pid: worker.pid });
  }

  /** The first one at once; later ones the later the more have failed, so that nothing spins. */
  async #replace(index: number): Promise<void> {
    for (;;) {
      const failures = this.#failures.get(index) ?? 0;
      this.#failures.set(index, failures + 1);
      if (failures > 0) await sleep(this.#clock, Math.min(LAST_RETRY, FIRST_RETRY * 2 ** (failures - 1)), this.#life.signal);
      if (this.state !== 'open') return;
      const worker = await this.#start(index).catch((error: unknown) => {
        this.#options.log.error({ err: error, failures }, 'media worker could not be replaced');
      });
      if (worker) return void this.emit('workerback', { pid: worker.pid });
    }
  }
}

async function routerOn(listening: Listening): Promise<StageRouter> {
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

/** mediasoup's own warnings; it has one listener per process. */
function listenToMediasoup(log: Log): void {
  setLogEventListeners({
    onwarn: (namespace, line) => log.warn({ namespace }, line),
    onerror: (namespace, line, err) => log.error({ namespace, err }, line),
  });
}
