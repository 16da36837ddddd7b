import type { Clock } from '#base/clock.ts';
import { sleep } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { PacketSink } from '../types.ts';
import { HlsPackager, type PackagerOptions } from './packager.ts';
import { segments, type Segment } from './segments.ts';

export interface RunOptions extends PackagerOptions {
  readonly subscribe: (sink: PacketSink) => () => void;
  readonly clock: Clock;
  readonly publish: (run: HlsRun, item: { readonly init: Uint8Array } | Segment) => void;
}

/** What ffmpeg may take to write the end, before it is ended. */
const FINISH_MS = 2_000;

/** One run of ffmpeg with its subscription to the stage, from its start to its end. */
export class HlsRun {
  /** Resolves once the run is over, whatever ended it. Never rejects. */
  done: Promise<void> = Promise.resolve();
  readonly #options: RunOptions;
  readonly #life = new Lifetime();
  readonly #first = Promise.withResolvers<true>();
  #packager: HlsPackager | undefined;
  #published = false;

  private constructor(options: RunOptions) {
    this.#options = options;
    // Nobody has to wait for it.
    this.#first.promise.catch(() => undefined);
  }

  static start(options: RunOptions): HlsRun {
    const run = new HlsRun(options);
    run.done = run.#produce();
    return run;
  }

  get hasPublished(): boolean {
    return this.#published;
  }

  /** Rejects with the error that ended the run before. */
  get firstSegment(): Promise<true> {
    return this.#first.promise;
  }

  /** Lets ffmpeg write what it has, publishes that, and closes. */
  async finish(): Promise<void> {
    this.#packager?.end();
    if (this.#packager) await Promise.race([this.done, sleep(this.#options.clock, FINISH_MS, this.#life.signal)]);
    await this.close('finished');
  }

  /** Idempotent; resolves once ffmpeg is gone. */
  async close(reason: string): Promise<void> {
    await this.#release(reason);
    await this.done;
  }

  async #release(reason: string): Promise<void> {
    try {
      await this.#life.close(reason);
    } catch (error) {
      this.#options.log.error({ err: error }, 'HLS run did not close cleanly');
    }
    await this.#packager?.close(reason);
  }

  async #produce(): Promise<void> {
    try {
      const packager = await HlsPackager.start(this.#options);
      this.#life.defer((reason) => packager.close(reason));
      this.#life.defer(this.#options.subscribe(packager));
      this.#packager = packager;
      for await (const item of segments(packager.packaged())) this.#publish(item);
      this.#first.reject(new AvatarError('hls_unavailable', 'The HLS stream was stopped before it had begun. Ask again.'));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'HLS run ended');
      this.#first.reject(error);
    } finally {
      await this.#release('ended');
    }
  }

  #publish(item: { readonly init: Uint8Array } | Segment): void {
    if (this.#life.state !== 'open') return;
    this.#options.publish(this, item);
    if ('init' in item) return;
    this.#published = true;
    this.#first.resolve(true);
  }
}
