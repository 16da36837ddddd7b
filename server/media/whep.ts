import type { types } from 'mediasoup';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { ROUTER_CODECS } from './codecs.ts';
import type { StageProducers } from './producers.ts';
import { readFragmentUfrag, readOffer, type Offer } from './sdp.ts';
import { writeAnswer, writeFragment } from './sdp-answer.ts';
import type { StageRouter } from './stage-router.ts';
import type { Viewer, ViewerSource } from './viewer.ts';
import type { Viewers } from './viewers.ts';

export interface WhepOptions {
  readonly router: StageRouter;
  readonly producers: StageProducers;
  readonly viewers: Viewers;
  readonly log: Log;
}

/** Answer to a POST: 201, `Location` ending in `id`, `ETag: etag`, body `answer` as application/sdp. */
export interface WhepAnswer {
  readonly id: string;
  readonly etag: string;
  readonly answer: string;
}

/** Answer to a PATCH: 204, or 200 with `fragment` as application/trickle-ice-sdpfrag when ICE was restarted; `ETag: etag` in both. */
export interface WhepPatched {
  readonly etag: string;
  readonly fragment: string | undefined;
}

interface Peer {
  readonly viewer: Viewer;
  readonly offer: Offer;
  iceUfrag: string;
}

interface Copy {
  readonly source: Promise<ViewerSource>;
  peers: number;
}

/**
 * Viewers by WHEP (draft-ietf-wish-whep, PATCH as in RFC 9725 §4.3).
 * A router fixes payload types, and a foreign offer brings its own: each distinct numbering has a copy of the stage's router,
 * kept while it has viewers. No header extensions: their ids are the worker's, and peers number them differently.
 */
export class Whep {
  readonly #options: WhepOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #copies = new Map<string, Copy>();
  readonly #life = new Lifetime();

  constructor(options: WhepOptions) {
    this.#options = options;
    this.#life.defer(async (reason) => {
      await Promise.all([...this.#peers.values()].map(({ viewer }) => viewer.close(reason)));
    });
  }

  /** @throws AvatarError `invalid_sdp`, `too_many_viewers`, `session_closed`. */
  async offer(sdp: string): Promise<WhepAnswer> {
    const offer = readOffer(sdp);
    if (this.#life.state !== 'open') throw new AvatarError('session_closed', 'The session is over.');
    this.#options.viewers.checkRoom();
    const viewer = await this.#open(offer);
    try {
      const { id: transportId } = viewer.transportOptions;
      await viewer.connect(transportId, { role: 'client', fingerprints: [offer.fingerprint] });
      const consumers = await viewer.consume(transportId, capabilitiesOf(offer));
      // Started once media can flow, so that the keyframe asked for then is not sent into the void.
      viewer.once(
        'connected',
        () => void viewer.resume().catch((err: unknown) => this.#options.log.warn({ err }, 'whep resume failed')),
      );
      this.#peers.set(viewer.id, { viewer, offer, iceUfrag: offer.iceUfrag });
      return { id: viewer.id, etag: etagOf(viewer), answer: writeAnswer(offer, viewer, consumers) };
    } catch (error) {
      await viewer.close('offer failed');
      throw error;
    }
  }

  /**
   * Trickled candidates are accepted and ignored: our ICE is lite and finds the peer by its checks. New credentials restart ICE.
   * `ifMatch` is the request's If-Match: the ETag, or "*", which a restart needs.
   * @throws AvatarError `not_found`, `invalid_sdp`, `precondition_required` (no If-Match), `precondition_failed`.
   */
  async patch(id: string, fragment: string, ifMatch: string | undefined): Promise<WhepPatched> {
    const peer = this.#peer(id);
    const iceUfrag = readFragmentUfrag(fragment);
    if (ifMatch === undefined)
      throw new AvatarError('precondition_required', 'PATCH needs If-Match with the ETag, or "*" to restart ICE.');
    const restart = iceUfrag !== peer.iceUfrag;
    if (ifMatch !== '*' && (restart || ifMatch !== etagOf(peer.viewer))) {
      throw new AvatarError('precondition_failed', 'If-Match names another ICE session; an ICE restart needs If-Match: "*".');
    }
    if (!restart) return { etag: etagOf(peer.viewer), fragment: undefined };
    peer.iceUfrag = iceUfrag;
    await peer.viewer.restartIce(peer.viewer.transportOptions.id);
    return { etag: etagOf(peer.viewer), fragment: writeFragment(peer.offer, peer.viewer) };
  }

  /** @throws AvatarError `not_found`. */
  async delete(id: string): Promise<void> {
    await this.#peer(id).viewer.close('left');
  }

  /** Idempotent; closes the WHEP viewers and their routers. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #peer(id: string): Peer {
    const peer = this.#peers.get(id);
    if (!peer) throw new AvatarError('not_found', `There is no WHEP viewer ${id}.`);
    return peer;
  }

  async #open(offer: Offer): Promise<Viewer> {
    const { source, release } = this.#acquire(offer);
    try {
      const viewer = await this.#options.viewers.open('whep', await source);
      viewer.once('close', () => {
        this.#peers.delete(viewer.id);
        release();
      });
      return viewer;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** The stage's copy with the offer's numbering; closed by the last `release`. */
  #acquire(offer: Offer): { source: Promise<ViewerSource>; release: () => void } {
    const key = `${offer.audio?.payloadType ?? '-'}/${offer.video?.payloadType ?? '-'}`;
    const copy = this.#copies.get(key) ?? { source: this.#copy(offer), peers: 0 };
    copy.peers += 1;
    this.#copies.set(key, copy);
    const release = (): void => {
      copy.peers -= 1;
      if (copy.peers > 0) return;
      this.#copies.delete(key);
      void copy.source.then(
        ({ router }) => router.close(),
        () => undefined,
      );
    };
    return { source: copy.source, release };
  }

  #copy(offer: Offer): Promise<ViewerSource> {
    const { router, producers } = this.#options;
    const producerIds = [
      ...(offer.audio ? [producers.audioProducerId] : []),
      ...(offer.video ? [producers.videoProducerId] : []),
    ];
    return router.createCopy(codecsOf(offer), producerIds);
  }
}

/** The stage's codecs under the offer's numbers; what the offer lacks is left out. */
const codecsOf = (offer: Offer): types.RouterRtpCodecCapability[] =>
  ROUTER_CODECS.flatMap((codec) => {
    const offered = offer[codec.kind];
    return offered ? [{ ...codec, preferredPayloadType: offered.payloadType }] : [];
  });

const FEEDBACK = ['nack', 'nack pli', 'ccm fir'];
const feedbackText = ({ type, parameter }: types.RtcpFeedback): string => (parameter ? `${type} ${parameter}` : type);

/** What the peer can receive, in mediasoup's words: without RTX, so lost packets are sent again under their own number. */
const capabilitiesOf = (offer: Offer): types.RtpCapabilities => ({
  codecs: codecsOf(offer).map((codec) => ({
    ...codec,
    preferredPayloadType: offer[codec.kind]?.payloadType ?? 0,
    rtcpFeedback: offer[codec.kind]?.feedback.filter((feedback) => FEEDBACK.includes(feedbackText(feedback))) ?? [],
  })),
  headerExtensions: [],
});

/** RFC 9725 §4.3.1: an entity tag names the ICE session. */
const etagOf = ({ iceParameters }: Viewer): string => `"${iceParameters.usernameFragment}"`;
