import { EventEmitter } from 'node:events';
import { sleep, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { TICKS_PER_MS, type Size } from '#base/media.ts';
import type { Caption } from '#protocol/signalling.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { PacketSink } from '../types.ts';
import { Playlist, segmentUri, withCaptions } from './playlist.ts';
import type { Published } from './run.ts';
import type { Segment } from './segments.ts';
import { SteadyRun } from './steady-run.ts';
import { HlsStore, type HlsFile } from './store.ts';
import { Subtitles } from './subtitles.ts';
import { HlsViewers } from './viewers.ts';

export interface RenditionOptions {
  /** `on-demand` runs ffmpeg from the first request until nobody has asked for `lingerMs`; `always` from the start. */
  readonly mode: 'on-demand' | 'always';
  /** The stage's packets, from now until the returned function is called. An IDR comes at once, then at least each second. */
  readonly subscribe: (sink: PacketSink) => () => void;
  /** Unix ms of stage tick 0. */
  readonly epochMs: number;
  /** How long there have been playlists under this URL, those of a process before included, ms. */
  readonly ageMs?: number;
  readonly size: Size;
  /** BCP 47, of the captions. */
  readonly language: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly lingerMs?: number;
  /** The program to run. */
  readonly ffmpeg?: string;
}

export interface SegmentPublished {
  readonly sequence: number;
  readonly durationMs: number;
  /** Relative to the playlist, without a token. */
  readonly uri: string;
}

export type RenditionEvents = {
  segment: [SegmentPublished];
  /** ffmpeg fails again and again; it goes on being tried. Told once, until there is a segment again. */
  trouble: [AvatarError];
};

const LINGER_MS = 30_000;
const FIRST_SEGMENT_MS = 5_000;
/** Segments are longer than this, ms: numbers that grow with the session's age are never met twice. */
const NUMBER_EVERY = 250;

/** A stage over HLS: runs ffmpeg while somebody watches, keeps the newest segments, owns the playlist. */
export class HlsRendition extends EventEmitter<RenditionEvents> {
  readonly #options: RenditionOptions;
  readonly #life = new Lifetime();
  readonly #store = new HlsStore();
  readonly #viewers: HlsViewers;
  readonly #subtitles = new Subtitles();
  #playlist: Playlist;
  #run: SteadyRun | undefined;
  /** Runs that still live, the one that is stopping included. */
  readonly #living = new Set<SteadyRun>();
  /** The number of the newest initialisation section, and of the next segment. */
  #init: number;
  #sequence: number;
  /** What the newest segment needs. */
  #lastInit: number | undefined;
  #cancelLinger: () => void = () => undefined;
  #finished: Promise<void> | undefined;

  private constructor(options: RenditionOptions) {
    super();
    this.#options = options;
    this.#viewers = new HlsViewers(options.clock);
    const first = Math.floor((options.ageMs ?? 0) / NUMBER_EVERY);
    this.#init = first - 1;
    this.#sequence = first;
    this.#playlist = Playlist.empty(options.epochMs, first);
    this.#life.defer(() => this.#store.clear());
    this.#life.defer(async (reason) => {
      this.#cancelLinger();
      await Promise.all([...this.#living].map((run) => run.close(reason)));
    });
  }

  static create(options: RenditionOptions): HlsRendition {
    const rendition = new HlsRendition(options);
    if (options.mode === 'always') rendition.#start();
    return rendition;
  }

  /** Who asked within the last 10 s. */
  get viewers(): number {
    return this.#viewers.count;
  }

  /**
   * The playlist as it is now, with `token` on every URI. The first call starts ffmpeg and waits up to 5 s for a segment.
   * ffmpeg that dies is replaced, and the list stays as it is meanwhile.
   * Throws AvatarError `hls_unavailable` when none comes, `session_closed` after the end, AbortError when `signal` aborts.
   */
  async playlist(token: string, signal?: AbortSignal): Promise<string> {
    return (await this.#listed(token, signal)).render(token);
  }

  /** The same for the captions, whose segments are the media's. */
  async captions(token: string, signal?: AbortSignal): Promise<string> {
    return (await this.#listed(token, signal)).renderCaptions(token);
  }

  /** Both lists in one. */
  variants(token: string): string {
    const { size, language } = this.#options;
    return withCaptions(size, language, token);
  }

  /** What is said, as far as it is known; told again as that changes. */
  caption(caption: Caption): void {
    this.#subtitles.add(caption);
  }

  async #listed(token: string, signal?: AbortSignal): Promise<Playlist> {
    if (this.#finished) await this.#finished;
    else await this.#running(token, signal);
    if (this.#life.state !== 'open' || this.#playlist.isEmpty) {
      throw new AvatarError('session_closed', 'The HLS stream of this session has ended.');
    }
    return this.#playlist;
  }

  /** `init_<n>.mp4`, `segment_<n>.m4s` or `captions_<n>.vtt` as a playlist named it; undefined for any other name, and for what is too old. */
  file(name: string, token?: string): HlsFile | undefined {
    const file = this.#store.get(name);
    if (file && token !== undefined) this.#touch(token);
    return file;
  }

  /** Publishes what is left and ends the playlist. It and its files can still be read until `close`. Idempotent. */
  finish(): Promise<void> {
    this.#finished ??= this.#finish();
    return this.#finished;
  }

  /** Idempotent; resolves once ffmpeg is gone. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  /** Sees to it that ffmpeg runs, and waits while nothing is in the list; a list that is there is good enough, whatever ffmpeg does. */
  async #running(token: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#life.state !== 'open') return;
    this.#touch(token);
    const run = this.#run ?? this.#start();
    if (!this.#playlist.isEmpty) return;
    const waiting = new AbortController();
    const either = AbortSignal.any([waiting.signal, ...(signal ? [signal] : [])]);
    const late = sleep(this.#options.clock, FIRST_SEGMENT_MS, either).then(() => false);
    const begun = await Promise.race([run.begun, late]).finally(() => waiting.abort());
    signal?.throwIfAborted();
    if (!begun) throw new AvatarError('hls_unavailable', 'The HLS stream has not started within 5 s. Ask again.');
    this.#touch(token);
  }

  #touch(token: string): void {
    const { mode, clock, lingerMs = LINGER_MS } = this.#options;
    this.#viewers.see(token);
    this.#cancelLinger();
    if (mode === 'always' || this.#finished || this.#life.state !== 'open') return;
    this.#cancelLinger = clock.at(clock.now() + lingerMs, () => this.#linger());
  }

  #linger(): void {
    // A new request may start the next run while this one still ends.
    void this.#run?.close('nobody watches');
    this.#run = undefined;
    this.#playlist = this.#playlist.cleared();
    this.#store.clear();
  }

  #start(): SteadyRun {
    const publish = (from: SteadyRun, item: Published): void => {
      if (this.#run !== from) return;
      if ('init' in item) this.#store.addInit(++this.#init, item.init);
      else this.#publish(this.#init, item);
    };
    const run = SteadyRun.start({ ...this.#options, publish, trouble: (error) => this.emit('trouble', error) });
    this.#run = run;
    this.#living.add(run);
    void run.done.then(() => this.#living.delete(run));
    return run;
  }

  #publish(init: number, { data, ticks, durationTicks }: Segment): void {
    const sequence = this.#sequence++;
    const discontinuity = init !== this.#lastInit && sequence > 0;
    this.#lastInit = init;
    this.#store.addSegment(sequence, init, data, this.#subtitles.segment(ticks, durationTicks));
    this.#playlist = this.#playlist.append({ sequence, init, ticks, durationTicks, discontinuity });
    this.#options.metrics.hlsSegmentsPublished.inc();
    this.emit('segment', { sequence, durationMs: durationTicks / TICKS_PER_MS, uri: segmentUri(sequence) });
  }

  async #finish(): Promise<void> {
    this.#cancelLinger();
    await this.#run?.finish();
    this.#playlist = this.#playlist.ended();
  }
}
