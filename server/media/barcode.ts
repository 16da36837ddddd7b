import { AvatarError } from '#base/errors.ts';
import type { Size, VideoFrame } from '#base/media.ts';

const BITS = 32;
const COLUMNS = 16;
/** Side of one square, px. */
const SQUARE = 16;
const WIDTH = COLUMNS * SQUARE;
const HEIGHT = (BITS / COLUMNS) * SQUARE;
/** Limited-range luma and neutral chroma (ITU-R BT.601). */
const BLACK = 16;
const WHITE = 235;
const NEUTRAL = 128;

/** Writes `frame` (mod 2³²) into the picture's top left, in place: 32 squares in two rows, most significant bit first, white = 1. */
export function stampFrameNumber(picture: VideoFrame, frame: number): void {
  checkRoom(picture);
  for (let bit = 0; bit < BITS; bit += 1) fillSquare(picture, bit, isSet(frame, bit) ? WHITE : BLACK);
  const { width, height, data } = picture;
  const quarter = (width * height) / 4;
  for (const plane of [width * height, width * height + quarter]) {
    for (let y = 0; y < HEIGHT / 2; y += 1) data.fill(NEUTRAL, plane + (y * width) / 2, plane + (y * width) / 2 + WIDTH / 2);
  }
}

/** The number that `stampFrameNumber` wrote; reads the middle of each square, so that it survives compression. */
export function readFrameNumber(picture: VideoFrame): number {
  checkRoom(picture);
  let frame = 0;
  for (let bit = 0; bit < BITS; bit += 1) frame = frame * 2 + (brightness(picture, bit) > (BLACK + WHITE) / 2 ? 1 : 0);
  return frame;
}

const isSet = (frame: number, bit: number): boolean => ((frame >>> (BITS - 1 - bit)) & 1) === 1;
const leftOf = (bit: number): number => (bit % COLUMNS) * SQUARE;
const topOf = (bit: number): number => Math.floor(bit / COLUMNS) * SQUARE;

function fillSquare({ width, data }: VideoFrame, bit: number, luma: number): void {
  for (let y = topOf(bit); y < topOf(bit) + SQUARE; y += 1)
    data.fill(luma, y * width + leftOf(bit), y * width + leftOf(bit) + SQUARE);
}

function brightness({ width, data }: VideoFrame, bit: number): number {
  let sum = 0;
  for (let y = topOf(bit) + 4; y < topOf(bit) + 12; y += 1) {
    for (let x = leftOf(bit) + 4; x < leftOf(bit) + 12; x += 1) sum += data[y * width + x] ?? 0;
  }
  return sum / 64;
}

function checkRoom({ width, height }: Size): void {
  if (width >= WIDTH && height >= HEIGHT) return;
  const need = `${String(WIDTH)}×${String(HEIGHT)}`;
  throw new AvatarError('internal', `A frame number needs ${need} px; the picture has only ${String(width)}×${String(height)}.`);
}
