import type { Size } from '#base/media.ts';

/**
 * Opaque RGBA (8 bit, no row padding) as I420, into `out`: BT.601, limited range (ITU-R BT.601-7 §2.5.3), chroma the mean of its 2×2 pixels.
 * Sides must be even.
 */
export function rgbaToI420<Memory extends Uint8Array>(rgba: Uint8Array, { width, height }: Size, out: Memory): Memory {
  let u = width * height;
  let v = u + (width * height) / 4;
  const row = width * 4;
  for (let y = 0; y < height; y += 2) {
    let top = y * row;
    let bottom = top + row;
    let luma = y * width;
    for (let x = 0; x < width; x += 2, top += 8, bottom += 8, luma += 2) {
      const r0 = rgba[top] ?? 0;
      const g0 = rgba[top + 1] ?? 0;
      const b0 = rgba[top + 2] ?? 0;
      const r1 = rgba[top + 4] ?? 0;
      const g1 = rgba[top + 5] ?? 0;
      const b1 = rgba[top + 6] ?? 0;
      const r2 = rgba[bottom] ?? 0;
      const g2 = rgba[bottom + 1] ?? 0;
      const b2 = rgba[bottom + 2] ?? 0;
      const r3 = rgba[bottom + 4] ?? 0;
      const g3 = rgba[bottom + 5] ?? 0;
      const b3 = rgba[bottom + 6] ?? 0;
      out[luma] = (66 * r0 + 129 * g0 + 25 * b0 + 4224) >> 8;
      out[luma + 1] = (66 * r1 + 129 * g1 + 25 * b1 + 4224) >> 8;
      out[luma + width] = (66 * r2 + 129 * g2 + 25 * b2 + 4224) >> 8;
      out[luma + width + 1] = (66 * r3 + 129 * g3 + 25 * b3 + 4224) >> 8;
      const r = r0 + r1 + r2 + r3;
      const g = g0 + g1 + g2 + g3;
      const b = b0 + b1 + b2 + b3;
      out[u++] = (112 * b - 38 * r - 74 * g + 131_584) >> 10;
      out[v++] = (112 * r - 94 * g - 18 * b + 131_584) >> 10;
    }
  }
  return out;
}
