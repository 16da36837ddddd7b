import { sleep } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { PacketSink } from '../types.ts';
import { HlsRun, type Published, type RunOptions } from './run.ts';
import { Unpublished } from './unpublished.ts';

export interface SteadyRunOptions extends Omit<RunOptions, 'packets' | 'publish'> {
  readonly subscribe: (sink: PacketSink) => () => void;
  readonly publish: (from: SteadyRun, item: Published) => void;
  /** ffmpeg has failed twice in a row without a segment; it is tried again. Told once, until there is a segment again. */
  readonly trouble: (error: AvatarError) => void;
}

/** Between tries when one after the other brings nothing, ms. The first two follow at once. */
const BACKOFF = { first: 250, most: 8_000 } as const;

/** ffmpeg for as long as it is wanted: a run that dies or hangs is replaced by another, which goes on where the playlist ends. */
export class SteadyRun {
  /** Resolves once ffmpeg is gone for good. Never rejects. */
  done: Promise<void> = Promise.resolve();
  readonly #options: SteadyRunOptions;
  readonly #life = new Lifetime();
  readonly #packets = new Unpublished();
  readonly #begun = Promise.withResolvers<true>();
  #run: HlsRun | undefined;
  /** Runs in a row that brought no segment. */
  #fruitless = 0;

  private constructor(options: SteadyRunOptions) {
    this.#options = options;
    // Nobody has to wait for it.
    this.#begun.promise.catch(() => undefined);
  }

  static start(options: SteadyRunOptions): SteadyRun {
    const steady = new SteadyRun(options);
    steady.#life.defer(options.subscribe(steady.#packets));
    steady.done = steady.#keepRunning();
    return steady;
  }

  /** Resolves with the first segment; rejects when ffmpeg fails twice before it, and says why. It is tried again all the same. */
  get begun(): Promise<true> {
    return this.#begun.promise;
  }

  /** Lets ffmpeg write what it has, publishes that, and closes. */
  async finish(): Promise<void> {
    await this.#run?.finish();
    await this.close('finished');
  }

  /** Idempotent; resolves once ffmpeg is gone. */
  async close(reason: string): Promise<void> {
    const closing = this.#life.close(reason);
    await this.#run?.close(reason);
    this.#begun.reject(new AvatarError('hls_unavailable', 'The HLS stream was stopped before it had begun. Ask again.'));
    await closing;
    await this.done;
  }

  async #keepRunning(): Promise<void> {
    const { clock, log } = this.#options;
    while (this.#life.state === 'open') {
      const run = HlsRun.start({ ...this.#options, packets: this.#packets, publish: (item) => this.#publish(item) });
      this.#run = run;
      const error = await run.done;
      if (error === undefined) return;
      this.#fruitless = run.hasPublished ? 0 : this.#fruitless + 1;
      const waitMs = this.#fruitless < 2 ? 0 : Math.min(BACKOFF.first * 2 ** (this.#fruitless - 2), BACKOFF.most);
      log.warn({ err: error, waitMs }, 'ffmpeg ended; HLS goes on with another');
      if (this.#fruitless === 2) this.#fail(error);
      if (waitMs > 0) await sleep(clock, waitMs, this.#life.signal);
    }
  }

  #publish(item: Published): void {
    if (!('init' in item)) {
      this.#fruitless = 0;
      this.#begun.resolve(true);
    }
    this.#options.publish(this, item);
  }

  #fail(thrown: unknown): void {
    const error =
      thrown instanceof AvatarError ? thrown : new AvatarError('hls_unavailable', 'ffmpeg writes no MP4.', { cause: thrown });
    this.#begun.reject(error);
    this.#options.trouble(error);
  }
}
