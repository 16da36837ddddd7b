import { sleep, type Clock } from '#base/clock.ts';
import { Lifetime } from '#base/lifetime.ts';
import { TICKS_PER_SECOND } from '#base/media.ts';
import { Watchdog } from '#base/watchdog.ts';
import { HlsPackager, type Packaged, type PackagerOptions } from './packager.ts';
import { segments, type Segment } from './segments.ts';
import type { Unpublished } from './unpublished.ts';

export type Published = { readonly init: Uint8Array } | Segment;

export interface RunOptions extends PackagerOptions {
  readonly packets: Unpublished;
  readonly clock: Clock;
  readonly publish: (item: Published) => void;
}

/** What ffmpeg may take to write the end, before it is ended. */
const FINISH_MS = 2_000;
/** Fragments are a second long. So much media beyond the last one, and still no next one, looks as if ffmpeg were stuck. */
const SUSPICIOUS = 1.3 * TICKS_PER_SECOND;
/** How long it may look so, ms: to begin, and later. */
const PATIENCE = { start: 5_000, later: 200 } as const;

/** One run of ffmpeg, from its start to its end. It goes on with what was not published before it. */
export class HlsRun {
  /** Resolves once the run is over, with the error if it ended by itself. Never rejects. */
  done: Promise<unknown> = Promise.resolve();
  hasPublished = false;
  readonly #options: RunOptions;
  readonly #life = new Lifetime();
  readonly #watchdog: Watchdog;
  #packager: HlsPackager | undefined;
  /** Where the newest fragment ends, ticks. */
  #made = 0;

  private constructor(options: RunOptions) {
    this.#options = options;
    this.#watchdog = new Watchdog({
      clock: options.clock,
      suspicious: () => options.packets.newest - this.#made > SUSPICIOUS,
      patience: () => (this.#made === 0 ? PATIENCE.start : PATIENCE.later),
      bite: () => this.#bite(),
    });
  }

  static start(options: RunOptions): HlsRun {
    const run = new HlsRun(options);
    run.done = run.#produce();
    return run;
  }

  /** Lets ffmpeg write what it has, publishes that, and closes. */
  async finish(): Promise<void> {
    this.#watchdog.stop();
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

  async #produce(): Promise<unknown> {
    try {
      const packager = await HlsPackager.start(this.#options);
      this.#life.defer((reason) => packager.close(reason));
      this.#life.defer(this.#options.packets.follow(packager));
      this.#packager = packager;
      this.#life.defer(() => this.#watchdog.stop());
      this.#watchdog.watch();
      for await (const item of segments(this.#watched(packager))) this.#publish(item);
      return undefined;
    } catch (error) {
      return error;
    } finally {
      await this.#release('ended');
    }
  }

  async *#watched(packager: HlsPackager): AsyncGenerator<Packaged, void, undefined> {
    for await (const item of packager.packaged()) {
      if (item.kind === 'fragment') this.#made = item.ticks + item.durationTicks;
      this.#watchdog.calm();
      yield item;
    }
  }

  #bite(): void {
    const behindMs = Math.round(((this.#options.packets.newest - this.#made) * 1_000) / TICKS_PER_SECOND);
    this.#options.log.warn({ behindMs }, 'ffmpeg makes nothing of what it is given; it is replaced');
    this.#packager?.kill();
  }

  #publish(item: Published): void {
    if (this.#life.state !== 'open') return;
    this.#options.publish(item);
    if ('init' in item) return;
    this.hasPublished = true;
    this.#options.packets.published(item.ticks + item.durationTicks);
  }
}
