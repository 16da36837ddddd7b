import { FFmpegError, Log } from 'node-av/lib';
import { AV_LOG_FATAL } from 'node-av/constants';
import { AvatarError } from '#base/errors.ts';
import { i420Bytes, type Size, type VideoFrame } from '#base/media.ts';

/** Macroblocks per picture at H.264 level 3.1 (ISO/IEC 14496-10 table A-1), the level that viewers are told: 720×1280 fits exactly. */
const MAX_MACROBLOCKS = 3600;
const LEAST = 32;

// FFmpeg writes to stderr past the log; errors reach us as return codes.
Log.setLevel(AV_LOG_FATAL);

/** Throws unless `code` is a success; `doing` completes the sentence "FFmpeg could not …". */
export function check(code: number, doing: string): void {
  if (code >= 0) return;
  throw new AvatarError('internal', `FFmpeg could not ${doing}.`, { cause: new FFmpegError(code) });
}

/** Throws unless H.264 at level 3.1 can carry pictures of this size in I420. */
export function checkSize({ width, height }: Size): void {
  const sound = [width, height].every((side) => Number.isInteger(side) && side >= LEAST && side % 2 === 0);
  if (sound && Math.ceil(width / 16) * Math.ceil(height / 16) <= MAX_MACROBLOCKS) return;
  throw new AvatarError(
    'internal',
    `A picture of ${String(width)}×${String(height)} px can't be encoded: both sides must be even, at least ${String(LEAST)}, and both together at most 720×1280.`,
  );
}

/** Throws unless `picture` is I420 of exactly this size. */
export function checkPicture(picture: VideoFrame, { width, height }: Size): void {
  const bytes = i420Bytes(picture);
  if (picture.width === width && picture.height === height && picture.data.length === bytes) return;
  const got = `${String(picture.width)}×${String(picture.height)} px in ${String(picture.data.length)} bytes`;
  const want = `${String(width)}×${String(height)} px in ${String(i420Bytes({ width, height }))} bytes of I420`;
  throw new AvatarError('render_failed', `A picture of ${got} arrived where ${want} are expected.`);
}
