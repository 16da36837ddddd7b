import { createCanvas } from '@napi-rs/canvas';

/** A JPEG of one colour with a spot, that a decoder takes. */
export function jpeg(width = 64, height = 48, colour = '#2a6fdb'): Buffer {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = colour;
  context.fillRect(0, 0, width, height);
  context.fillStyle = '#fff';
  context.fillRect(width / 4, height / 4, width / 8, height / 8);
  return canvas.toBuffer('image/jpeg');
}
