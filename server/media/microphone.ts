import type { Clock } from '#base/clock.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { MICROPHONE_RATE, type MicrophoneChunk } from '#base/media.ts';
import { Queue } from '#base/queue.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { OpusDecoder } from './opus-decoder.ts';
import { Reorder, type InOrder } from './reorder.ts';
import { parseRtp } from './rtp.ts';
import { Timeline } from './timeline.ts';

export interface MicrophoneOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

const SAMPLES_PER_MS = MICROPHONE_RATE / 1_000;
/** Opus over RTP counts at 48 kHz whatever it carries (RFC 7587 §4.1). */
const TICKS_PER_SAMPLE = 3;
const FILL = 20 * SAMPLES_PER_MS;
const LONGEST_CHUNK = 60 * SAMPLES_PER_MS;
/** Opus says "nothing to be heard" in a packet of at most so many bytes, after which nothing comes. */
const DTX_BYTES = 2;
/** How much later than it should be there sound may come before what is missing is made up, ms: in silence nothing else is expected. */
const PATIENCE = 60;
const SILENCE_PATIENCE = 20;
/** The decoder's guesses get worse; after so much it is silence, samples. */
const LONGEST_GUESS = 120 * SAMPLES_PER_MS;
/** 20 ms packets are 50 in a second, 10 ms ones sent twice 200. Who sends more than this isn't heard beyond it. */
const PACKETS_PER_SECOND = 250;
/** What waits to be read, chunks; some 3 s. */
const UNREAD = 150;
/** A timer so much later than it was set for tells of a busy event loop: what came meanwhile is looked at first, ms. */
const BUSY = 15;

/**
 * The host's microphone: RTP packets with Opus in, sound without gaps out. Lost packets are concealed, and where nothing is sent because nothing is said, or
 * because the network is gone, time goes on in silence. Ends when it is closed.
 */
export class Microphone implements AsyncIterable<MicrophoneChunk> {
  readonly #options: MicrophoneOptions;
  readonly #life = new Lifetime();
  readonly #queue = new Queue<MicrophoneChunk>(UNREAD, 'drop-oldest');
  readonly #reorder = new Reorder();
  readonly #decoder: OpusDecoder;
  #timeline: Timeline | undefined;
  /** RTP timestamp that the next packet would have if none were missing. */
  #nextTicks = 0;
  /** Nothing is being sent because nothing is said. */
  #isSilent = false;
  /** Samples made up since the last packet. */
  #madeUp = 0;
  #cancel: () => void = () => undefined;
  #second = { since: Number.NEGATIVE_INFINITY, packets: 0 };
  #garbage = 0;
  /** The last packet was garbage: what it should have been is lost. */
  #isSpoilt = false;

  private constructor(options: MicrophoneOptions, decoder: OpusDecoder) {
    this.#options = options;
    this.#decoder = decoder;
  }

  static open(options: MicrophoneOptions): Microphone {
    const decoder = OpusDecoder.create();
    const microphone = new Microphone(options, decoder);
    microphone.#life.defer(() => decoder.close());
    microphone.#life.defer(() => microphone.#queue.end());
    microphone.#life.defer((reason) => microphone.#tell(reason));
    microphone.#life.defer(() => microphone.#cancel());
    return microphone;
  }

  /** An RTP packet as it came. */
  hear(data: Uint8Array): void {
    const now = this.#options.clock.now();
    if (this.#life.state !== 'open' || this.#floods(now)) return;
    const packet = parseRtp(data);
    if (!packet) return void (this.#garbage += 1);
    for (const each of this.#reorder.take(packet, now)) this.#take(each, now);
    this.#arm();
  }

  [Symbol.asyncIterator](): AsyncIterator<MicrophoneChunk> {
    return this.#queue[Symbol.asyncIterator]();
  }

  /** Idempotent; what was heard before is still read. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #take({ packet: { payload, timestamp }, lost }: InOrder, now: number): void {
    const isSilent = payload.length <= DTX_BYTES;
    // The first says it, and lets the last sound die away; what it would say again is nothing.
    const samples = isSilent && this.#isSilent ? new Int16Array(FILL) : this.#decoder.decode(payload);
    if (!samples) return this.#spoil();
    const isHole = (lost > 0 || this.#isSpoilt) && !this.#isSilent;
    const timeline = (this.#timeline ??= new Timeline(now - samples.length / SAMPLES_PER_MS));
    const missing = this.#missing(timestamp) - (isHole ? this.#madeUp : 0);
    // Never beyond what time has passed: a sender's timestamps may be anything.
    const room = (timeline.behind(now) + (isHole ? PATIENCE : 0)) * SAMPLES_PER_MS - samples.length;
    const fill = Math.max(0, Math.min(missing, Math.round(room)));
    if (isHole) this.#conceal(fill, now);
    else this.#emit(new Int16Array(fill), 'silence', now);
    this.#emit(samples, 'heard', now);
    this.#nextTicks = timestamp + samples.length * TICKS_PER_SAMPLE;
    this.#isSilent = isSilent;
    this.#madeUp = 0;
    this.#isSpoilt = false;
  }

  #spoil(): void {
    this.#garbage += 1;
    this.#isSpoilt = true;
  }

  /** Samples between the packet before and this one; negative where they overlap. */
  #missing(timestamp: number): number {
    if (this.#timeline?.isNew !== false) return 0;
    return Math.round(((timestamp - this.#nextTicks) | 0) / TICKS_PER_SAMPLE);
  }

  #conceal(length: number, now: number): void {
    const guessed = Math.max(0, Math.min(length, LONGEST_GUESS - this.#madeUp));
    this.#madeUp += length;
    const samples = new Int16Array(length);
    samples.set(this.#decoder.conceal(guessed));
    this.#emit(samples, 'concealed', now);
  }

  #emit(samples: Int16Array, kind: 'heard' | 'silence' | 'concealed', now: number): void {
    this.#options.metrics.microphoneMs.inc({ kind }, samples.length / SAMPLES_PER_MS);
    for (let from = 0; from < samples.length; from += LONGEST_CHUNK) {
      const part = samples.subarray(from, from + LONGEST_CHUNK);
      const ms = part.length / SAMPLES_PER_MS;
      const at = kind === 'heard' ? this.#timeline?.arrive(ms, now) : this.#timeline?.add(ms, now);
      void this.#queue.push({ samples: part, at: at ?? now, concealed: kind === 'concealed' });
    }
  }

  #arm(): void {
    this.#cancel();
    const { clock } = this.#options;
    const filling =
      this.#timeline && this.#timeline.until + FILL / SAMPLES_PER_MS + (this.#isSilent ? SILENCE_PATIENCE : PATIENCE);
    const due = Math.min(filling ?? Infinity, this.#reorder.deadline ?? Infinity);
    if (Number.isFinite(due)) this.#cancel = clock.at(due, () => this.#wait(due));
  }

  #wait(due: number): void {
    const { clock } = this.#options;
    const now = clock.now();
    if (now - due < BUSY) return this.#makeUp(now);
    this.#cancel = clock.at(now + 1, () => this.#makeUp(clock.now()));
  }

  /** Nothing came in time. */
  #makeUp(now: number): void {
    const ready = this.#reorder.expired(now);
    for (const each of ready) this.#take(each, now);
    if (ready.length === 0) {
      if (this.#isSilent) this.#emit(new Int16Array(FILL), 'silence', now);
      else this.#conceal(FILL, now);
    }
    this.#arm();
  }

  #floods(now: number): boolean {
    if (now - this.#second.since >= 1_000) this.#second = { since: now, packets: 0 };
    this.#second.packets += 1;
    return this.#second.packets > PACKETS_PER_SECOND;
  }

  #tell(reason: string): void {
    const { dropped: unread } = this.#queue;
    this.#options.log.info({ reason, garbage: this.#garbage, useless: this.#reorder.useless, unread }, 'microphone closed');
  }
}
