import { z } from 'zod';
import { AvatarError } from '#base/errors.ts';
import { MAX_HEADER, ToServer, type ToWorker } from '#protocol/frame-link.ts';

/** What a worker said, and the payload that came with it. */
export interface Heard {
  readonly header: ToServer;
  readonly payload: Uint8Array;
}

const LENGTH_BYTES = 4;

/** One message: the header's length, the header, the payload. */
export function pack(header: ToWorker, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const message = Buffer.allocUnsafe(LENGTH_BYTES + json.length + payload.length);
  message.writeUInt32BE(json.length, 0);
  json.copy(message, LENGTH_BYTES);
  message.set(payload, LENGTH_BYTES + json.length);
  return message;
}

/** Throws `bad_request` for what is no message of a worker. The payload is a view. */
export function unpack(message: Uint8Array): Heard {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const length = bytes.length < LENGTH_BYTES ? Number.POSITIVE_INFINITY : bytes.readUInt32BE(0);
  if (length > MAX_HEADER || LENGTH_BYTES + length > bytes.length) throw garbage('it has no whole header');
  const parsed = ToServer.safeParse(jsonOf(bytes.toString('utf8', LENGTH_BYTES, LENGTH_BYTES + length)));
  if (!parsed.success) throw garbage(z.prettifyError(parsed.error).replaceAll('\n', ' '));
  return { header: parsed.data, payload: bytes.subarray(LENGTH_BYTES + length) };
}

/** The pictures, one after the other, that `sizes` tells the lengths of. Throws `bad_request` when they are not the payload. */
export function cut(payload: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const whole = sizes.reduce((sum, size) => sum + size, 0);
  if (whole !== payload.length) throw garbage(`its pictures are said to have ${whole} bytes and have ${payload.length}`);
  let at = 0;
  return sizes.map((size) => payload.subarray(at, (at += size)));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const garbage = (why: string): AvatarError => new AvatarError('bad_request', `A worker sent what is no message: ${why}.`);
