import { createCanvas, loadImage, type Canvas, type SKRSContext2D } from '@napi-rs/canvas';
import type { Size } from '#base/media.ts';
import { ART, PARTS, partOf, VIEW, type Look, type Part } from './look.ts';

/** A part drawn once, cut to what it covers; `x`, `y` and `unit` (art units per pixel) put it back in its place. */
export interface Layer {
  readonly canvas: Canvas;
  readonly x: number;
  readonly y: number;
  readonly unit: number;
}

export type Layers = Readonly<Partial<Record<Part, Layer>>>;

/** Drawn at twice the size it is shown in, so that a sway by fractions of a pixel stays sharp. */
const OVERSAMPLE = 2;

/** Pixels per art unit at a picture's size. */
export const scaleOf = (size: Size): number => size.height / VIEW.height;

/** Draws each part of the look once, for pictures of `size`. */
export async function drawLayers(look: Look, size: Size): Promise<Layers> {
  const layers: Partial<Record<Part, Layer>> = {};
  for (const part of PARTS) {
    const body = partOf(look, part);
    if (!/<path/.test(body)) continue;
    const layer = await drawLayer(part, body, scaleOf(size) * OVERSAMPLE);
    if (layer) layers[part] = layer;
  }
  return layers;
}

async function drawLayer(part: Part, body: string, scale: number): Promise<Layer | undefined> {
  const [width, height] = [Math.round(ART.width * scale), Math.round(ART.height * scale)];
  const box = `${ART.x} ${ART.y} ${ART.width} ${ART.height}`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${box}" fill="none">${body}</svg>`;
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.drawImage(await loadImage(Buffer.from(svg)), 0, 0, width, height);
  context.scale(width / ART.width, height / ART.height);
  context.translate(-ART.x, -ART.y);
  shade(context, part);
  return trim(canvas, ART.width / width);
}

/** Light from above left, and warm cheeks: what the flat art leaves out. */
function shade(context: SKRSContext2D, part: Part): void {
  context.globalCompositeOperation = 'source-atop';
  const light = context.createLinearGradient(240, 100, 560, part === 'body' || part === 'clothes' ? 900 : 620);
  light.addColorStop(0, 'rgba(255,255,255,0.13)');
  light.addColorStop(0.5, 'rgba(255,255,255,0)');
  light.addColorStop(1, 'rgba(0,0,0,0.13)');
  context.fillStyle = light;
  context.fillRect(ART.x, ART.y, ART.width, ART.height);
  if (part !== 'head') return;
  for (const x of [282, 486]) {
    const blush = context.createRadialGradient(x, 468, 2, x, 468, 54);
    blush.addColorStop(0, 'rgba(226,84,70,0.14)');
    blush.addColorStop(1, 'rgba(226,84,70,0)');
    context.fillStyle = blush;
    context.fillRect(x - 60, 408, 120, 120);
  }
}

/** Cuts the canvas to what was drawn on it, with a clear rim that lets the edges blend. */
function trim(canvas: Canvas, unit: number): Layer | undefined {
  const { width, height } = canvas;
  const pixels = canvas.data();
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) {
      if (pixels[(y * width + x) * 4 + 3] === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  if (right < 0) return undefined;
  const rim = 2;
  const cut = createCanvas(right - left + 1 + 2 * rim, bottom - top + 1 + 2 * rim);
  cut.getContext('2d').drawImage(canvas, rim - left, rim - top);
  return { canvas: cut, x: ART.x + (left - rim) * unit, y: ART.y + (top - rim) * unit, unit };
}

/** The still backdrop: a soft glow behind the head. */
export function drawBackdrop([centre, rim]: readonly [string, string], size: Size): Canvas {
  const canvas = createCanvas(size.width, size.height);
  const context = canvas.getContext('2d');
  const [x, y] = [size.width / 2, size.height * 0.4];
  const glow = context.createRadialGradient(x, y, size.height * 0.12, x, y, Math.hypot(size.width, size.height) * 0.62);
  glow.addColorStop(0, `#${centre}`);
  glow.addColorStop(1, `#${rim}`);
  context.fillStyle = glow;
  context.fillRect(0, 0, size.width, size.height);
  return canvas;
}
