import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import { systemClock, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { StageProducers } from './producers.ts';
import type { StageRouter } from './stage-router.ts';
import { Viewer, type ViewerKind, type ViewerSource } from './viewer.ts';

export interface ViewersOptions {
  readonly router: StageRouter;
  readonly producers: StageProducers;
  /** Most viewers of the session at once, WebRTC and WHEP together. */
  readonly maxViewers: number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock?: Clock;
}

export type ViewerCounts = Readonly<Record<ViewerKind, number>>;

export type ViewersEvents = {
  /** After each change. */
  count: [ViewerCounts];
  /** Media can flow to a viewer. */
  viewerconnect: [viewer: Viewer];
  /** A viewer's network loses packets, which it asks for again. */
  viewerlossy: [viewer: Viewer];
  /** A viewer left, was closed or given up. */
  viewerclose: [viewer: Viewer, reason: string];
};

/** The WebRTC receivers of one stage, whichever way they came. */
export class Viewers extends EventEmitter<ViewersEvents> {
  readonly #options: ViewersOptions;
  readonly #clock: Clock;
  readonly #source: ViewerSource;
  readonly #viewers = new Map<string, Viewer>();
  readonly #life = new Lifetime();
  #opening = 0;

  constructor(options: ViewersOptions) {
    super();
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { router, producers } = options;
    this.#source = { router, producerIds: [producers.audioProducerId, producers.videoProducerId] };
    this.#life.defer(async (reason) => {
      await Promise.all([...this.#viewers.values()].map((viewer) => viewer.close(reason)));
    });
  }

  /** What clients load their device with. */
  get rtpCapabilities(): types.RtpCapabilities {
    return this.#source.router.rtpCapabilities;
  }

  get counts(): ViewerCounts {
    const counts = { webrtc: 0, whep: 0 };
    for (const { kind } of this.#viewers.values()) counts[kind] += 1;
    return counts;
  }

  get(id: string): Viewer | undefined {
    return this.#viewers.get(id);
  }

  /**
   * A viewer with its transport ready for the client; `source` is where its media comes from when that isn't the stage's own router.
   * @throws AvatarError `too_many_viewers`, `session_closed`.
   */
  async open(kind: ViewerKind, source: ViewerSource = this.#source): Promise<Viewer> {
    this.checkRoom();
    this.#opening += 1;
    try {
      const viewer = await Viewer.open(kind, source, this.#clock);
      this.#add(viewer);
      if (this.#life.state === 'open') return viewer;
      await viewer.close('session closed');
      throw new AvatarError('session_closed', 'The session is over.');
    } finally {
      this.#opening -= 1;
    }
  }

  /** @throws AvatarError `too_many_viewers`, `session_closed` where `open` would. */
  checkRoom(): void {
    const { maxViewers } = this.#options;
    if (this.#life.state !== 'open') throw new AvatarError('session_closed', 'The session is over.');
    if (this.#viewers.size + this.#opening < maxViewers) return;
    throw new AvatarError('too_many_viewers', `This session has its most viewers, ${maxViewers}; try again when one has left.`);
  }

  /** Idempotent; closes every viewer. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #add(viewer: Viewer): void {
    const { log, metrics } = this.#options;
    this.#viewers.set(viewer.id, viewer);
    metrics.viewers.inc({ kind: viewer.kind });
    viewer.once('connected', () => this.emit('viewerconnect', viewer));
    viewer.on('lossy', () => this.emit('viewerlossy', viewer));
    viewer.once('close', (reason) => {
      this.#viewers.delete(viewer.id);
      metrics.viewers.dec({ kind: viewer.kind });
      log.info({ viewer: viewer.id, kind: viewer.kind, reason }, 'viewer closed');
      this.emit('viewerclose', viewer, reason);
      this.emit('count', this.counts);
    });
    log.info({ viewer: viewer.id, kind: viewer.kind }, 'viewer opened');
    this.emit('count', this.counts);
  }
}
