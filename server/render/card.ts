import { i420Bytes, type Size, type VideoFrame } from '#base/media.ts';
import type { PictureMemory } from './memory.ts';

/** Room for the frame number (256×32) and the square in the middle. */
export const MIN_SIZE = 288;
/** Two rows of 16 squares of 16×16 in the top left, written by the stage. */
const NUMBER = { width: 256, height: 32 } as const;
const SQUARE = 96;

interface Colour {
  readonly y: number;
  readonly u: number;
  readonly v: number;
}

const BLACK: Colour = { y: 16, u: 128, v: 128 };
const WHITE: Colour = { y: 235, u: 128, v: 128 };
const GREY: Colour = { y: 104, u: 128, v: 128 };
/** 75 % bars, BT.601 limited range: white, yellow, cyan, green, magenta, red, blue. */
const BARS: readonly Colour[] = [
  { y: 180, u: 128, v: 128 },
  { y: 162, u: 44, v: 142 },
  { y: 131, u: 156, v: 44 },
  { y: 112, u: 72, v: 58 },
  { y: 84, u: 184, v: 198 },
  { y: 65, u: 100, v: 212 },
  { y: 35, u: 212, v: 114 },
];

/** What stands still: colour bars, a grey ramp, a track for the marker, room for the number, the dark square. */
export function drawCard(size: Size): VideoFrame {
  const card: VideoFrame = { ...size, data: new Uint8Array(i420Bytes(size)) };
  const { width, height } = size;
  fill(card, 0, 0, width, height, GREY);
  const [barsEnd, rampEnd] = [even(height * 0.7), even(height * 0.85)];
  BARS.forEach((colour, at) => fill(card, even((width * at) / 7), 48, even((width * (at + 1)) / 7), barsEnd, colour));
  for (let at = 0; at < 16; at += 1)
    fill(card, even((width * at) / 16), barsEnd, even((width * (at + 1)) / 16), rampEnd, {
      ...GREY,
      y: 16 + Math.round(at * 14.6),
    });
  fill(card, 0, rampEnd, width, height, BLACK);
  fill(card, 0, 0, NUMBER.width, NUMBER.height, BLACK);
  square(card, BLACK);
  return card;
}

/** The card at one instant: the marker at `phase` (0…1) of its way along the track, the square white when it flashes. */
export function drawMoment(card: VideoFrame, phase: number, flash: boolean, memory: PictureMemory): VideoFrame {
  const data = memory.take();
  data.set(card.data);
  const moment = memory.picture(data);
  const left = even(phase * card.width);
  fill(moment, left, even(card.height * 0.85) + 8, left + even(card.width / 16), card.height - 8, WHITE);
  if (flash) square(moment, WHITE);
  return moment;
}

const even = (value: number): number => 2 * Math.round(value / 2);

function square(picture: VideoFrame, colour: Colour): void {
  const [left, top] = [even((picture.width - SQUARE) / 2), even((picture.height - SQUARE) / 2)];
  fill(picture, left, top, left + SQUARE, top + SQUARE, colour);
}

/** Fills a rectangle whose edges are even; what lies past the right edge comes in again from the left. */
function fill(
  { width, height, data }: VideoFrame,
  left: number,
  top: number,
  right: number,
  bottom: number,
  { y, u, v }: Colour,
): void {
  if (right > width) {
    fill({ width, height, data }, 0, top, right - width, bottom, { y, u, v });
    right = width;
  }
  for (let row = top; row < bottom; row += 1) data.fill(y, row * width + left, row * width + right);
  const [blue, red, half] = [width * height, (width * height * 5) / 4, width / 2];
  for (let row = top / 2; row < bottom / 2; row += 1) {
    data.fill(u, blue + row * half + left / 2, blue + row * half + right / 2);
    data.fill(v, red + row * half + left / 2, red + row * half + right / 2);
  }
}
