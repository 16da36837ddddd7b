import { AvatarError } from '#base/errors.ts';
import type { Still } from '#base/media.ts';
import { IMAGE } from '#protocol/http.ts';

/** Markers of a JPEG (ITU-T T.81, table B.1). */
const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const APP0 = 0xe0;
/** Baseline, extended and progressive; all others are rare enough to be somebody's trick. */
const FRAMES: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2]);
/** Huffman and quantisation tables, restart interval, scan, and how Adobe has written its colours. */
const NEEDED: ReadonlySet<number> = new Set([...FRAMES, 0xc4, 0xdb, 0xdd, SOS, 0xee]);
/** JFIF's own segment without a thumbnail. */
const JFIF = 'JFIF\0';
const JFIF_LENGTH = 18;

/**
 * An image as it was sent: a JPEG by its content, of an allowed size, whole. It isn't decoded; of its segments only those are taken over that make the
 * picture, so that nothing goes on that isn't seen: places, names, thumbnails, or what is hidden behind its end.
 * Throws AvatarError `unsupported_media_type`, `payload_too_large`, `bad_request`.
 */
export function readStill(bytes: Uint8Array): Still {
  if (bytes.length > IMAGE.bytes)
    throw new AvatarError('payload_too_large', `The image may have at most ${IMAGE.bytes} bytes, and has ${bytes.length}.`);
  if (bytes[0] !== 0xff || bytes[1] !== SOI)
    throw new AvatarError('unsupported_media_type', 'The image must be a JPEG, by its content.');
  const taken: Uint8Array[] = [bytes.subarray(0, 2)];
  let size: { width: number; height: number } | undefined;
  let isScanned = false;
  for (let at = 2; ;) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff || marker === 0) throw damaged();
    // Markers may be filled up with 0xff.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === EOI) {
      taken.push(bytes.subarray(at, at + 2));
      break;
    }
    const end = at + 2 + word(bytes, at + 2);
    if (end < at + 4 || end > bytes.length || (marker === SOS && !size)) throw damaged();
    if (FRAMES.has(marker)) {
      if (size) throw damaged();
      size = sizeOf(bytes.subarray(at + 4, end));
    } else if (marker >= 0xc0 && marker <= 0xcf && !NEEDED.has(marker)) {
      throw new AvatarError('bad_request', 'The image is a JPEG of a rare kind; send a baseline or progressive one.');
    }
    const next = marker === SOS ? scanEnd(bytes, end) : end;
    if (NEEDED.has(marker) || isPlainJfif(bytes, at, end)) taken.push(bytes.subarray(at, next));
    isScanned ||= marker === SOS;
    at = next;
  }
  if (!size || !isScanned) throw damaged();
  return { ...size, jpeg: Buffer.concat(taken) };
}

function sizeOf(frame: Uint8Array): { width: number; height: number } {
  const [precision, components] = [frame[0], frame[5]];
  const [height, width] = [word(frame, 1), word(frame, 3)];
  if (precision !== 8 || (components !== 1 && components !== 3)) throw damaged();
  const { least, most } = IMAGE;
  if (Math.min(width, height) < least || Math.max(width, height) > most)
    throw new AvatarError('bad_request', `The image has ${width}×${height} px; sides of ${least} to ${most} px are allowed.`);
  return { width, height };
}

/** Where the marker after a scan's data begins. */
function scanEnd(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1] ?? 0;
    const isData = next === 0 || next === 0xff || (next >= 0xd0 && next <= 0xd7);
    if (!isData) return at;
  }
  throw damaged();
}

const isPlainJfif = (bytes: Uint8Array, at: number, end: number): boolean =>
  bytes[at + 1] === APP0 && end - at === JFIF_LENGTH && Buffer.from(bytes.subarray(at + 4, at + 9)).toString('latin1') === JFIF;

const word = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

const damaged = (): AvatarError => new AvatarError('bad_request', 'The image is damaged, or not whole.');
