import { EventEmitter } from 'node:events';
import type { Clock } from '#base/clock.ts';
import type { Blend, Expression } from '#base/expression.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { FPS, TICKS_PER_MS, TICKS_PER_OPUS_FRAME, type Packet, type VideoFrame } from '#base/media.ts';
import type { StageStatus } from '#protocol/http.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { AUDIO_PAYLOAD_TYPE, PLAYOUT_DELAY_ID, VIDEO_PAYLOAD_TYPE } from './codecs.ts';
import type { ExpressionReel, IdleSource } from './idle-face.ts';
import { OpusEncoder, silentPacket } from './opus.ts';
import { Pictures } from './pictures.ts';
import { Playout } from './playout.ts';
import type { StageProducers } from './producers.ts';
import { CUSHION_MS, H264Packetizer, OpusPacketizer } from './rtp.ts';
import type { Preference } from './start-rule.ts';
import { START_LEAD, Sync } from './sync.ts';
import type { OwnVoice, PacketSink, Speech, SpeechReport, StageEvents } from './types.ts';

/** How long after the last loss viewers may still hold pictures back, ms; their clients let go after 30 s. */
const CUSHION_LASTS = 60_000;

export interface StageOptions {
  readonly idle: IdleSource;
  /** How the avatar looks when it listens and thinks, once that is there; without, it stays at rest. */
  readonly expressions?: (() => ExpressionReel | undefined) | undefined;
  readonly producers: Pick<StageProducers, 'videoSsrc' | 'audioSsrc' | 'sendVideo' | 'sendAudio' | 'onKeyframeRequest'>;
  readonly stamped: boolean;
  /** Default: prompt. */
  readonly prefer?: Preference;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** All media of one session: playout, the one encode, and the packets that leave for WebRTC and for whoever subscribes. */
export class Stage extends EventEmitter<StageEvents> {
  readonly #options: StageOptions;
  /** Sound and picture as viewers report them; the voice's lead follows. */
  readonly sync: Sync;
  readonly #life = new Lifetime();
  readonly #playout: Playout;
  readonly #pictures: Pictures;
  readonly #video: H264Packetizer;
  readonly #audio: OpusPacketizer;
  readonly #sinks = new Set<PacketSink>();
  readonly #listeners = new Set<OwnVoice>();
  #opus: OpusEncoder | undefined;
  #talking = false;
  #cushionUntil = Number.NEGATIVE_INFINITY;

  private constructor(options: StageOptions) {
    super();
    const { producers, metrics, clock, log } = options;
    this.#options = options;
    this.#video = new H264Packetizer({
      payloadType: VIDEO_PAYLOAD_TYPE,
      ssrc: producers.videoSsrc,
      playoutDelayId: PLAYOUT_DELAY_ID,
    });
    this.#audio = new OpusPacketizer({ payloadType: AUDIO_PAYLOAD_TYPE, ssrc: producers.audioSsrc });
    this.#pictures = new Pictures({
      idle: options.idle,
      expressions: options.expressions,
      stamped: options.stamped,
      metrics,
      log,
      emit: (packet) => this.#sendVideo(packet),
    });
    this.#playout = new Playout(
      { clock, metrics, leadMs: START_LEAD, prefer: options.prefer ?? 'prompt' },
      {
        sound: (ticks, samples, belongsAt) => this.#sendAudio(ticks, samples, belongsAt),
        picture: (frame, spoken, overdue) => this.#pictures.release(frame, spoken, overdue),
        turning: (frame, to, last) => {
          this.#pictures.turning(frame, to, last);
          if (last?.endOfClause === false) this.emit('brokenOff');
        },
        clause: (clause) => this.emit('clause', clause),
        clauseOver: (clause) => this.emit('clauseOver', clause),
        air: (event) => this.emit('air', event),
      },
    );
    this.sync = new Sync({
      clock,
      metrics,
      leadMs: () => this.#playout.leadMs,
      lead: (ms) => this.#playout.lead(ms),
    });
  }

  /** On air, idle, from the moment it is returned. */
  static create(options: StageOptions): Stage {
    const stage = new Stage(options);
    stage.#life.defer(() => stage.#opus?.close());
    stage.#life.defer(() => stage.#pictures.close());
    stage.#life.defer(() => stage.#playout.close());
    stage.#life.defer(() => stage.sync.close());
    options.producers.onKeyframeRequest(() => stage.#pictures.requestKeyframe());
    stage.#playout.start();
    return stage;
  }

  /** Puts an utterance on air; one at a time. Resolves when it is off air. */
  play(speech: Speech): Promise<SpeechReport> {
    return this.#playout.play(speech);
  }

  /** Silent now. What was on air is thrown away. @param since when the host began to speak, clock ms; now when left out */
  cut(since?: number): void {
    this.#playout.cut(since);
  }

  /** Silent now, the face idle; the utterance is held for a few seconds, to go on at the same word or to be cut. Does nothing while none is on air. */
  duck(since?: number): void {
    this.#playout.duck(since);
  }

  /** It goes on at the same word. */
  unduck(): void {
    this.#playout.unduck();
  }

  /** While nobody speaks, the face shows this. */
  attend(expression: Expression): void {
    this.#pictures.attend(expression);
  }

  /** A listening face nods. */
  nod(): void {
    this.#pictures.nod();
  }

  /** Tells `sink` each 20 ms of voice as it was really sent, fades included, and when its packet was due (clock ms). The samples are only lent. Returns the way out. */
  hearOwn(sink: OwnVoice): () => void {
    this.#listeners.add(sink);
    return () => this.#listeners.delete(sink);
  }

  /** No clause begins for `ms`, or until `goOn`: who listened has been cut off, and will be back. */
  hold(ms: number): void {
    this.#playout.hold(ms);
  }

  /** Ends a hold. */
  goOn(): void {
    this.#playout.hold(0);
  }

  /** A viewer's network loses packets: viewers may hold pictures back for a while, so that what is sent again comes in time. */
  allowCushion(): void {
    const now = this.#options.clock.now();
    if (now >= this.#cushionUntil) this.#options.log.info("a viewer's network loses packets: viewers may hold pictures back");
    this.#cushionUntil = now + CUSHION_LASTS;
  }

  /** Lets the present clause end, then goes idle. */
  drain(): void {
    this.#playout.drain();
  }

  /** The idle loop's frame that will be on air `ms` from now, so that a renderer goes on from that pose. */
  idleFrameIn(ms: number): number {
    return this.#pictures.idleFrame(this.#frameIn(ms));
  }

  /** And what is seen of each expression from then on; the face waits for the utterance with it. */
  blendsIn(ms: number): Blend[] {
    return this.#pictures.blends(this.#frameIn(ms));
  }

  /** The idle loop's `count` pictures before the one that will be on air `ms` from now, if nobody speaks until then. */
  async idleBefore(ms: number, count: number): Promise<VideoFrame[]> {
    const before: VideoFrame[] = [];
    if (count === 0) return before;
    for await (const picture of this.#options.idle.pictures(this.idleFrameIn(ms) - count)) {
      before.push(picture);
      if (before.length === count) break;
    }
    return before;
  }

  status(): StageStatus {
    const { width, height } = this.#options.idle.size;
    const { epochMs, frame, speaking } = this.#playout;
    return { fps: FPS, size: { width, height }, epochMs, frame, state: speaking ? 'speaking' : 'idle' };
  }

  /** Sends every packet to `sink` as well, from a keyframe on, with a keyframe each second. Returns the way out. */
  subscribe(sink: PacketSink): () => void {
    this.#sinks.add(sink);
    this.#pictures.gridded = true;
    this.#pictures.requestKeyframe();
    return () => {
      this.#sinks.delete(sink);
      this.#pictures.gridded = this.#sinks.size > 0;
    };
  }

  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #frameIn(ms: number): number {
    return this.#playout.undecided + Math.round((ms * FPS) / 1_000);
  }

  #sendVideo(packet: Packet): void {
    const maxDelayMs = this.#options.clock.now() < this.#cushionUntil ? CUSHION_MS : 0;
    this.#options.producers.sendVideo(this.#video.packetize(packet.data, packet.ticks, maxDelayMs));
    this.#fanOut(packet);
    this.#options.metrics.handOverOffsetMs.set(this.#handOverDelay(packet.ticks));
  }

  #sendAudio(ticks: number, samples: Int16Array | undefined, belongsAt: number): void {
    const data = samples ? this.#voice().encode(samples) : this.#silence();
    const talkspurt = samples !== undefined && !this.#talking;
    this.#talking = samples !== undefined;
    this.#options.producers.sendAudio(this.#audio.packetize(data, ticks, talkspurt));
    if (samples) for (const listener of this.#listeners) listener(samples, this.#playout.soundDue(ticks / TICKS_PER_OPUS_FRAME));
    if (talkspurt) this.emit('voice');
    this.#fanOut({ kind: 'audio', data, ticks: belongsAt, keyframe: true });
  }

  #voice(): OpusEncoder {
    this.#opus ??= afterSilence();
    return this.#opus;
  }

  /** Listeners' decoders hear stored silence next, so the encoder's memory of the voice would mislead what follows. */
  #silence(): Uint8Array {
    this.#opus?.close();
    this.#opus = undefined;
    return silentPacket();
  }

  #fanOut(packet: Packet): void {
    for (const sink of this.#sinks) sink.write(packet);
  }

  /** How much later than its instant a picture is handed over, ms; sign turned so that a late picture means sound before picture. */
  #handOverDelay(ticks: number): number {
    return this.#playout.epochMs + ticks / TICKS_PER_MS - this.#options.clock.wall();
  }
}

/** An encoder that has heard what listeners' decoders have: without it a word's first milliseconds would be faint. */
function afterSilence(): OpusEncoder {
  const encoder = OpusEncoder.create();
  encoder.encode(new Int16Array(TICKS_PER_OPUS_FRAME));
  return encoder;
}
