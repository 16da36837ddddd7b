import { randomInt } from 'node:crypto';
import { AvatarError } from '#base/errors.ts';
import { splitNals } from './annex-b.ts';

const HEADER_BYTES = 12;
/** One-byte header extensions (RFC 8285 §4.2): profile and length, then one word that holds the playout delay. */
const PLAYOUT_DELAY_BYTES = 8;
const ONE_BYTE_PROFILE = 0xbede;
/** The most that viewers on a lossy network may hold pictures back, ms. Up to 500 Chromium still shows a picture as soon as it is decoded where it may. */
export const CUSHION_MS = 400;
const STAP_A = 24;
const FU_A = 28;
const FU_BYTES = 2;
const STAP_LENGTH_BYTES = 2;
const F_BIT = 0x80;
const NRI_BITS = 0x60;

export interface RtpPacket {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  /** One-byte header extensions by id (RFC 8285); two-byte ones are skipped. */
  readonly extensions: ReadonlyMap<number, Uint8Array>;
  readonly payload: Uint8Array;
}

/** What packets of one stream share; the sequence number starts anywhere and rolls over (RFC 3550 §5.1). */
class RtpStream {
  readonly #payloadType: number;
  readonly #ssrc: number;
  readonly #playoutDelayId: number | undefined;
  #sequence = randomInt(0x10000);

  constructor(payloadType: number, ssrc: number, playoutDelayId?: number) {
    this.#payloadType = payloadType;
    this.#ssrc = ssrc;
    this.#playoutDelayId = playoutDelayId;
  }

  get headerBytes(): number {
    return HEADER_BYTES + (this.#playoutDelayId === undefined ? 0 : PLAYOUT_DELAY_BYTES);
  }

  packet(timestamp: number, marker: boolean, payload: readonly Uint8Array[], maxDelayMs = 0): Uint8Array {
    const packet = new Uint8Array(this.headerBytes + payload.reduce((sum, part) => sum + part.length, 0));
    this.#writeHeader(new DataView(packet.buffer), timestamp, marker, maxDelayMs);
    let at = this.headerBytes;
    for (const part of payload) {
      packet.set(part, at);
      at += part.length;
    }
    return packet;
  }

  #writeHeader(header: DataView, timestamp: number, marker: boolean, maxDelayMs: number): void {
    header.setUint8(0, 0x80 | (this.#playoutDelayId === undefined ? 0 : 0x10));
    header.setUint8(1, (marker ? 0x80 : 0) | this.#payloadType);
    header.setUint16(2, this.#sequence);
    header.setUint32(4, timestamp);
    header.setUint32(8, this.#ssrc);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    if (this.#playoutDelayId === undefined) return;
    header.setUint16(12, ONE_BYTE_PROFILE);
    header.setUint16(14, 1);
    // Minimum and maximum delay, 12 bits each in 10 ms units; with a minimum of 0 a picture is shown as soon as it is decoded.
    header.setUint32(16, ((((this.#playoutDelayId << 4) | 2) << 24) | Math.round(maxDelayMs / 10)) >>> 0);
  }
}

export interface H264PacketizerOptions {
  readonly payloadType: number;
  readonly ssrc: number;
  /** Negotiated id (1–14) of the playout-delay header extension; without it none is sent. */
  readonly playoutDelayId?: number;
  /** Most bytes of one RTP packet, its header included. */
  readonly mtu?: number;
}

/** H.264 in RTP, packetization mode 1 (RFC 6184): single NAL units, STAP-A for small neighbours, FU-A for what exceeds the MTU. */
export class H264Packetizer {
  readonly #stream: RtpStream;
  /** Payload bytes that fit into one packet. */
  readonly #room: number;

  constructor({ payloadType, ssrc, playoutDelayId, mtu = 1200 }: H264PacketizerOptions) {
    this.#stream = new RtpStream(payloadType, ssrc, playoutDelayId);
    this.#room = mtu - this.#stream.headerBytes;
    if (this.#room > FU_BYTES) return;
    const least = this.#stream.headerBytes + FU_BYTES + 1;
    throw new AvatarError('internal', `An RTP MTU of ${String(mtu)} bytes is too small; at least ${String(least)} are needed.`);
  }

  /** One access unit as Annex B → its packets, in order; `ticks` at 48 kHz becomes the 90 kHz timestamp. Viewers may hold it back by `maxDelayMs`. */
  packetize(accessUnit: Uint8Array, ticks: number, maxDelayMs = 0): Uint8Array[] {
    const payloads = this.#payloads(splitNals(accessUnit));
    const timestamp = Math.floor((ticks * 15) / 8) >>> 0;
    return payloads.map((payload, index) => this.#stream.packet(timestamp, index === payloads.length - 1, payload, maxDelayMs));
  }

  #payloads(nals: readonly Uint8Array[]): Uint8Array[][] {
    const payloads: Uint8Array[][] = [];
    for (let index = 0; index < nals.length;) {
      const group = this.#fitting(nals, index);
      const [first] = group;
      if (group.length > 1) payloads.push(aggregate(group));
      else if (first && first.length <= this.#room) payloads.push([first]);
      else if (first) payloads.push(...this.#fragment(first));
      index += group.length;
    }
    return payloads;
  }

  /** The NAL units from `start` on that fit together into one STAP-A; at least one. */
  #fitting(nals: readonly Uint8Array[], start: number): Uint8Array[] {
    let bytes = 1;
    let end = start;
    for (const nal of nals.slice(start)) {
      bytes += STAP_LENGTH_BYTES + nal.length;
      if (bytes > this.#room) break;
      end += 1;
    }
    return nals.slice(start, Math.max(end, start + 1));
  }

  /** RFC 6184 §5.8. The NAL header is not repeated: its bits travel in the FU indicator and FU header. */
  #fragment(nal: Uint8Array): Uint8Array[][] {
    const header = nal[0] ?? 0;
    const indicator = (header & (F_BIT | NRI_BITS)) | FU_A;
    const step = this.#room - FU_BYTES;
    const fragments: Uint8Array[][] = [];
    for (let from = 1; from < nal.length; from += step) {
      const start = from === 1 ? 0x80 : 0;
      const end = from + step >= nal.length ? 0x40 : 0;
      fragments.push([Uint8Array.of(indicator, start | end | (header & 0x1f)), nal.subarray(from, from + step)]);
    }
    return fragments;
  }
}

/** RFC 6184 §5.7.1: the F bit is set if any unit's is, NRI is the highest of all. */
function aggregate(nals: readonly Uint8Array[]): Uint8Array[] {
  const forbidden = nals.reduce((bit, nal) => bit | ((nal[0] ?? 0) & F_BIT), 0);
  const nri = Math.max(...nals.map((nal) => (nal[0] ?? 0) & NRI_BITS));
  const units = nals.flatMap((nal) => [Uint8Array.of(nal.length >> 8, nal.length & 0xff), nal]);
  return [Uint8Array.of(forbidden | nri | STAP_A), ...units];
}

/** Opus in RTP (RFC 7587): one Opus packet per RTP packet, 48 kHz clock whatever the content. */
export class OpusPacketizer {
  readonly #stream: RtpStream;

  constructor({ payloadType, ssrc }: { readonly payloadType: number; readonly ssrc: number }) {
    this.#stream = new RtpStream(payloadType, ssrc);
  }

  /** `marker` says that sound starts again after silence that was not sent (RFC 3551 §4.1). */
  packetize(packet: Uint8Array, ticks: number, marker = false): Uint8Array {
    return this.#stream.packet(ticks >>> 0, marker, [packet]);
  }
}

/** Reads an RTP packet (RFC 3550 §5.1), as views of `data`; undefined for anything else. */
export function parseRtp(data: Uint8Array): RtpPacket | undefined {
  if (data.length < HEADER_BYTES) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const first = view.getUint8(0);
  if (first >> 6 !== 2) return undefined;
  const second = view.getUint8(1);
  const extensionAt = HEADER_BYTES + (first & 0x0f) * 4;
  const payloadAt = (first & 0x10) === 0 ? extensionAt : afterExtension(view, extensionAt);
  const padding = (first & 0x20) === 0 ? 0 : view.getUint8(data.length - 1);
  const end = data.length - padding;
  if (payloadAt > end || ((first & 0x20) !== 0 && padding === 0)) return undefined;
  return {
    payloadType: second & 0x7f,
    marker: (second & 0x80) !== 0,
    sequence: view.getUint16(2),
    timestamp: view.getUint32(4),
    ssrc: view.getUint32(8),
    extensions: (first & 0x10) === 0 ? new Map() : readExtensions(data.subarray(extensionAt, payloadAt)),
    payload: data.subarray(payloadAt, end),
  };
}

function afterExtension(view: DataView, at: number): number {
  return at + 4 > view.byteLength ? Infinity : at + 4 + view.getUint16(at + 2) * 4;
}

function readExtensions(block: Uint8Array): Map<number, Uint8Array> {
  const extensions = new Map<number, Uint8Array>();
  if (block[0] !== ONE_BYTE_PROFILE >> 8 || block[1] !== (ONE_BYTE_PROFILE & 0xff)) return extensions;
  for (let at = 4; at < block.length;) {
    const byte = block[at] ?? 0;
    const id = byte >> 4;
    // Id 0 is padding, 15 ends the block (RFC 8285 §4.2).
    if (id === 15) break;
    if (id === 0) {
      at += 1;
      continue;
    }
    const end = at + 2 + (byte & 0x0f);
    if (end > block.length) break;
    extensions.set(id, block.subarray(at + 1, end));
    at = end;
  }
  return extensions;
}
