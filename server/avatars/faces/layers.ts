/** A picture or what a layer makes of it: `channels` values per place, row by row. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Float32Array;
}

const plane = (width: number, height: number, channels: number): Plane => ({
  width,
  height,
  channels,
  data: new Float32Array(width * height * channels),
});

/** 3×3, without a border. */
export function convolve({ width, height, channels, data }: Plane, weights: Float32Array, bias: Float32Array): Plane {
  const out = plane(width - 2, height - 2, bias.length);
  const taps = 3 * channels;
  for (let y = 0, to = 0; y < out.height; y += 1)
    for (let x = 0; x < out.width; x += 1, to += bias.length) {
      out.data.set(bias, to);
      for (let row = 0; row < 3; row += 1) {
        const from = ((y + row) * width + x) * channels;
        for (let tap = 0; tap < taps; tap += 1) {
          const value = data[from + tap] ?? 0;
          const weight = (row * taps + tap) * bias.length;
          for (let c = 0; c < bias.length; c += 1) (out.data[to + c] as number) += value * (weights[weight + c] ?? 0);
        }
      }
    }
  return leaky(out);
}

/** 3×3 for each channel by itself, bordered with zeros. */
export function depthwise({ width, height, channels, data }: Plane, weights: Float32Array): Plane {
  const out = plane(width, height, channels);
  for (let y = 0, to = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1, to += channels)
      for (let row = Math.max(0, 1 - y); row < Math.min(3, height + 1 - y); row += 1)
        for (let column = Math.max(0, 1 - x); column < Math.min(3, width + 1 - x); column += 1) {
          const from = ((y + row - 1) * width + x + column - 1) * channels;
          const weight = (row * 3 + column) * channels;
          for (let c = 0; c < channels; c += 1)
            (out.data[to + c] as number) += (data[from + c] ?? 0) * (weights[weight + c] ?? 0);
        }
  return out;
}

/** 1×1: the channels of each place, mixed. */
export function pointwise({ width, height, channels, data }: Plane, weights: Float32Array, bias: Float32Array): Plane {
  const out = plane(width, height, bias.length);
  for (let place = 0, from = 0, to = 0; place < width * height; place += 1, from += channels, to += bias.length) {
    out.data.set(bias, to);
    for (let channel = 0; channel < channels; channel += 1) {
      const value = data[from + channel] ?? 0;
      const weight = channel * bias.length;
      for (let c = 0; c < bias.length; c += 1) (out.data[to + c] as number) += value * (weights[weight + c] ?? 0);
    }
  }
  return out;
}

/** The largest of each 2×2, every `step` places. */
export function pool({ width, height, channels, data }: Plane, step: 1 | 2): Plane {
  const out = plane(Math.ceil(width / step), Math.ceil(height / step), channels);
  for (let y = 0, to = 0; y < out.height; y += 1)
    for (let x = 0; x < out.width; x += 1, to += channels)
      for (let c = 0; c < channels; c += 1) {
        let most = Number.NEGATIVE_INFINITY;
        for (let row = y * step; row < Math.min(height, y * step + 2); row += 1)
          for (let column = x * step; column < Math.min(width, x * step + 2); column += 1)
            most = Math.max(most, data[(row * width + column) * channels + c] ?? 0);
        out.data[to + c] = most;
      }
  return out;
}

export function leaky(plane: Plane): Plane {
  for (let at = 0; at < plane.data.length; at += 1) {
    const value = plane.data[at] ?? 0;
    if (value < 0) plane.data[at] = value * 0.1;
  }
  return plane;
}
