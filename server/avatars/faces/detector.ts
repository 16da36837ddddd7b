import { convolve, depthwise, leaky, pointwise, pool, type Plane } from './layers.ts';

/** A face, in parts of the picture's side. */
export interface Found {
  readonly score: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Side of the pictures it looks at, px. */
export const SIDE = 416;

/** A layer's weights in the file: a byte each, to be scaled. */
type Packed = readonly [count: number, scale: number, min: number];
const FIRST: readonly [Packed, Packed] = [
  [432, 0.009007044399485869, -1.2069439495311063],
  [16, 0.005263455241334205, -0.9211046672334858],
];
const MIDDLE: readonly (readonly [Packed, Packed, Packed])[] = [
  [
    [144, 0.004001977630690033, -0.5042491814669441],
    [512, 0.013836609615999109, -1.411334180831909],
    [32, 0.0015159862590771096, -0.30926119685173037],
  ],
  [
    [288, 0.002666276225856706, -0.317286870876948],
    [2_048, 0.015265831292844286, -1.6792414422128714],
    [64, 0.0020280554598453, -0.37113414915168985],
  ],
  [
    [576, 0.006100742489683862, -0.8907084034938438],
    [8_192, 0.016276211832083907, -2.0508026908425725],
    [128, 0.003394414279975143, -0.7637432129944072],
  ],
  [
    [1_152, 0.006716050119961009, -0.8059260143953211],
    [32_768, 0.021875603993733724, -2.8875797271728514],
    [256, 0.0041141652009066415, -0.8187188749804216],
  ],
  [
    [2_304, 0.008423839597141042, -0.9013508368940915],
    [131_072, 0.030007277283014035, -3.8709387695088107],
    [512, 0.008402082966823203, -1.4871686851277068],
  ],
];
const LAST: readonly [Packed, Packed] = [
  [12_800, 0.028336129469030042, -4.675461362389957],
  [25, 0.002268134028303857, -0.41053225912299807],
];
const MEAN = [117.001, 114.697, 97.404];
/** Usual sizes of faces, in cells. */
const ANCHORS = [
  [1.603231, 2.094468],
  [6.041143, 7.080126],
  [2.882459, 3.518061],
  [4.266906, 5.178857],
  [9.041765, 10.66308],
] as const;
/** Boxes that cover each other by more are of one face. */
const OVERLAP = 0.4;

/**
 * Finds faces: the Tiny Face Detector of face-api.js (Vincent Mühler, Vladimir Mandic; MIT), a small YOLO of separable convolutions.
 * @param weights its file
 */
export function createDetector(weights: Uint8Array): (rgb: Uint8Array, least: number) => Found[] {
  let at = 0;
  const unpack = ([count, scale, min]: Packed): Float32Array => {
    const values = Float32Array.from(weights.subarray(at, at + count), (byte) => byte * scale + min);
    at += count;
    return values;
  };
  const first = FIRST.map(unpack) as [Float32Array, Float32Array];
  const middle = MIDDLE.map((layer) => layer.map(unpack) as [Float32Array, Float32Array, Float32Array]);
  const last = LAST.map(unpack) as [Float32Array, Float32Array];
  if (at !== weights.length) throw new Error(`The detector has ${weights.length} weights, not ${at}.`);
  return (rgb, least) => {
    const data = Float32Array.from(rgb, (value, index) => (value - (MEAN[index % 3] ?? 0)) / 255);
    let seen: Plane = pool(convolve({ width: SIDE, height: SIDE, channels: 3, data }, ...first), 2);
    for (const [index, [deep, wide, bias]] of middle.entries())
      seen = pool(leaky(pointwise(depthwise(seen, deep), wide, bias)), index === middle.length - 1 ? 1 : 2);
    return apart(boxes(pointwise(seen, ...last), least));
  };
}

function boxes({ width: cells, channels, data }: Plane, least: number): Found[] {
  const found: Found[] = [];
  for (let place = 0; place < cells * cells; place += 1)
    for (const [anchor, [usualWidth, usualHeight]] of ANCHORS.entries()) {
      const from = place * channels + anchor * 5;
      const [x = 0, y = 0, w = 0, h = 0, s = 0] = data.subarray(from, from + 5);
      const score = sigmoid(s);
      if (score < least) continue;
      const [width, height] = [(Math.exp(w) * usualWidth) / cells, (Math.exp(h) * usualHeight) / cells];
      const centre = [((place % cells) + sigmoid(x)) / cells, (Math.floor(place / cells) + sigmoid(y)) / cells] as const;
      found.push({ score, x: centre[0] - width / 2, y: centre[1] - height / 2, width, height });
    }
  return found;
}

/** Of boxes on one face the surest. */
function apart(found: readonly Found[]): Found[] {
  const kept: Found[] = [];
  for (const one of found.toSorted((a, b) => b.score - a.score))
    if (kept.every((other) => covers(one, other) < OVERLAP)) kept.push(one);
  return kept;
}

function covers(a: Found, b: Found): number {
  const width = Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x));
  const height = Math.max(0, Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y));
  const both = width * height;
  return both / (a.width * a.height + b.width * b.height - both);
}

const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));
