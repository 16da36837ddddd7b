import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import { sleep, type Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { TRANSPORT_CLOSED } from './client-transport.ts';
import type { Microphone } from './microphone.ts';
import type { MicrophoneLine } from './microphone-line.ts';
import { Microphones } from './microphones.ts';
import { createStageProducers, randomSsrcs, type StageProducers } from './producers.ts';
import type { StageRouter } from './stage-router.ts';
import type { Viewer } from './viewer.ts';
import { Viewers, type ViewerCounts } from './viewers.ts';
import { Whep, type WhepAnswer, type WhepPatched } from './whep.ts';

export interface BroadcastOptions {
  /** A router on a worker that lives; may wait a little for one. */
  readonly createRouter: () => Promise<StageRouter>;
  /** Most viewers at once, WebRTC and WHEP together. */
  readonly maxViewers: number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

export type BroadcastEvents = {
  /** The media worker died, and these viewers have lost their media through it. What they need is being built anew. */
  lost: [{ viewers: number }];
  /** Media flows to a viewer: the first one, or one that is back. */
  watched: [];
  /** A viewer that can hold pictures back (WebRTC, not WHEP) is on a network that loses packets; again every 20 s while it does. */
  lossy: [];
  /** The host's microphone is on. */
  microphone: [Microphone];
};

/** What lives on one worker and dies with it. */
interface Link {
  readonly router: StageRouter;
  readonly producers: StageProducers;
  readonly viewers: Viewers;
  readonly whep: Whep;
  readonly microphones: Microphones;
}

/** Wait after a try to build the link anew that failed, ms. */
const RETRY = 200;

/**
 * A stage's way to its viewers over WebRTC. When the worker it is on dies, it is built anew on a living one under the same SSRCs, so that the
 * stage goes on and notices nothing; packets in between are for nobody and are dropped. Viewers have to join again.
 */
export class Broadcast extends EventEmitter<BroadcastEvents> {
  readonly #ssrcs = randomSsrcs();
  readonly #options: BroadcastOptions;
  readonly #life = new Lifetime();
  #link: Link | undefined;
  /** The link, or the one that is being built. */
  #linked: Promise<Link>;
  #rtpCapabilities: types.RtpCapabilities = { codecs: [] };
  #keyframeRequested: () => void = () => undefined;

  private constructor(options: BroadcastOptions) {
    super();
    this.#options = options;
    this.#linked = this.#build();
  }

  /** @throws AvatarError `not_ready`. */
  static async open(options: BroadcastOptions): Promise<Broadcast> {
    const broadcast = new Broadcast(options);
    await broadcast.#linked;
    return broadcast;
  }

  /** SSRC the packets given to `sendVideo` must carry. */
  get videoSsrc(): number {
    return this.#ssrcs.video;
  }

  /** SSRC the packets given to `sendAudio` must carry. */
  get audioSsrc(): number {
    return this.#ssrcs.audio;
  }

  /** What clients load their device with; every router of ours has the same. */
  get rtpCapabilities(): types.RtpCapabilities {
    return this.#rtpCapabilities;
  }

  get counts(): ViewerCounts {
    return this.#link?.viewers.counts ?? { webrtc: 0, whep: 0 };
  }

  /** RTP packets of one picture, in order. */
  sendVideo(packets: readonly Uint8Array[]): void {
    this.#link?.producers.sendVideo(packets);
  }

  /** One RTP packet with one Opus packet. */
  sendAudio(packet: Uint8Array): void {
    this.#link?.producers.sendAudio(packet);
  }

  /** One listener: the stage. */
  onKeyframeRequest(callback: () => void): void {
    this.#keyframeRequested = callback;
  }

  /** A viewer with its transport ready for the client. @throws AvatarError `too_many_viewers`, `session_closed`, `not_ready`. */
  open(kind: 'webrtc'): Promise<Viewer> {
    return this.#onLink(({ viewers }) => viewers.open(kind));
  }

  /** A way in for the microphone of `host`, with its transport ready for the client. @see Microphones.open. Also throws AvatarError `not_ready`. */
  openMicrophone(host: string): Promise<MicrophoneLine> {
    return this.#onLink(({ microphones }) => microphones.open(host));
  }

  /** @see Whep.offer. Also throws AvatarError `not_ready`. */
  offer(sdp: string): Promise<WhepAnswer> {
    return this.#onLink(({ whep }) => whep.offer(sdp));
  }

  /** @see Whep.patch. A viewer of a worker that died is `not_found`, which tells its player to begin anew. */
  async patch(id: string, fragment: string, ifMatch: string | undefined): Promise<WhepPatched> {
    return this.#whep(id).patch(id, fragment, ifMatch);
  }

  /** @see Whep.delete */
  async delete(id: string): Promise<void> {
    return this.#whep(id).delete(id);
  }

  /** Idempotent; closes every viewer. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #whep(id: string): Whep {
    if (this.#link) return this.#link.whep;
    throw new AvatarError('not_found', `There is no WHEP viewer ${id}.`);
  }

  async #onLink<T>(act: (link: Link) => Promise<T>): Promise<T> {
    const link = await this.#linked;
    try {
      return await act(link);
    } catch (cause) {
      if (!link.router.closed || this.#life.state !== 'open') throw cause;
      throw new AvatarError('not_ready', 'The media worker died; it is being replaced, join again.', { cause });
    }
  }

  async #build(): Promise<Link> {
    const { createRouter, maxViewers, log, metrics, clock } = this.#options;
    const router = await createRouter();
    const life = new Lifetime();
    life.defer(() => router.close());
    try {
      const producers = await createStageProducers(router, { log, ssrcs: this.#ssrcs });
      life.defer((reason) => producers.close(reason));
      producers.onKeyframeRequest(() => this.#keyframeRequested());
      const viewers = new Viewers({ router, producers, maxViewers, log, metrics, clock });
      life.defer((reason) => viewers.close(reason));
      const whep = new Whep({ router, producers, viewers, log });
      life.defer((reason) => whep.close(reason));
      const microphones = new Microphones({ router, log, metrics, clock });
      life.defer((reason) => microphones.close(reason));
      if (this.#life.state !== 'open') throw new AvatarError('session_closed', 'The session is over.');
      const link = { router, producers, viewers, whep, microphones };
      this.#adopt(link, life);
      return link;
    } catch (error) {
      await life.close('could not be built');
      throw error;
    }
  }

  #adopt(link: Link, life: Lifetime): void {
    const { router, viewers, microphones } = link;
    // The worker may have died since its last answer; then nothing more would be heard of it.
    if (router.closed) throw new AvatarError('not_ready', 'The media worker died.');
    this.#link = link;
    this.#rtpCapabilities = router.rtpCapabilities;
    const release = this.#life.defer((reason) => life.close(reason));
    let lost = 0;
    viewers.on('viewerclose', (_, reason) => (lost += reason === TRANSPORT_CLOSED ? 1 : 0));
    viewers.on('viewerconnect', () => this.emit('watched'));
    viewers.on('viewerlossy', ({ kind }) => kind === 'webrtc' && this.emit('lossy'));
    microphones.on('microphone', (microphone) => this.emit('microphone', microphone));
    router.router.observer.once('close', () => {
      if (this.#life.state !== 'open') return;
      const { webrtc, whep } = viewers.counts;
      const viewersLost = lost + webrtc + whep;
      this.#link = undefined;
      this.#linked = this.#rebuild();
      // Whoever waits for it hears of its failure; often nobody does.
      this.#linked.catch(() => undefined);
      void release().catch((error: unknown) => this.#options.log.error({ err: error }, 'a dead link did not close cleanly'));
      this.#options.log.warn({ viewers: viewersLost }, 'the media worker died; viewers join again');
      this.emit('lost', { viewers: viewersLost });
    });
  }

  async #rebuild(): Promise<Link> {
    const { clock, log } = this.#options;
    for (;;) {
      try {
        return await this.#build();
      } catch (error) {
        if (this.#life.state !== 'open') throw error;
        log.error({ err: error }, 'the way to the viewers could not be built anew');
        await sleep(clock, RETRY, this.#life.signal);
      }
    }
  }
}
