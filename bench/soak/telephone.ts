import type { VirtualClock } from '#base/clock.ts';
import { TICKS_PER_OPUS_FRAME } from '#base/media.ts';
import { spoken } from '#test/fixtures/spoken-opus.ts';

/** Ms by its own clock, and by the server's: this one runs 100 ppm fast, as sound cards do. */
const PACKET_MS = 20;
const REALLY = PACKET_MS * (1 - 100e-6);
/** What a browser sends when nothing is said: once each 400 ms. */
const DTX = Uint8Array.of(0xf8);
const DTX_EVERY = 20;

/** A host's microphone in virtual time: RTP with Opus that hums loudly or, in silence, nearly nothing. */
export class Telephone {
  readonly #clock: VirtualClock;
  readonly #hear: (packet: Uint8Array) => void;
  readonly #voice = spoken(100);
  #sequence = 65_000;
  #packet = 0;
  #silent = 0;

  constructor(clock: VirtualClock, hear: (packet: Uint8Array) => void) {
    this.#clock = clock;
    this.#hear = hear;
  }

  async says(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += PACKET_MS) {
      this.#silent = 0;
      await this.#send(this.#voice[this.#packet % this.#voice.length]);
    }
  }

  async isSilent(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += PACKET_MS) await this.#send(this.#silent++ % DTX_EVERY === 0 ? DTX : undefined);
  }

  async #send(payload: Uint8Array | undefined): Promise<void> {
    if (payload) this.#hear(rtp(this.#sequence++, this.#packet * TICKS_PER_OPUS_FRAME, payload));
    this.#packet += 1;
    await this.#clock.advance(REALLY);
  }
}

function rtp(sequence: number, ticks: number, payload: Uint8Array): Uint8Array {
  const packet = new Uint8Array(12 + payload.length);
  const header = new DataView(packet.buffer);
  header.setUint8(0, 0x80);
  header.setUint8(1, 111);
  header.setUint16(2, sequence & 0xffff);
  header.setUint32(4, ticks >>> 0);
  header.setUint32(8, 42);
  packet.set(payload, 12);
  return packet;
}
