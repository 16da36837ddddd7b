import { Path2D, type SKRSContext2D } from '@napi-rs/canvas';

/** A mouth; all zero is the mouth at rest. */
export interface MouthShape {
  /** 0 closed … 1 wide open. */
  readonly open: number;
  /** −1 rounded (oo) … 1 spread (ee). */
  readonly wide: number;
  /** 0 … 1: teeth together, as for s and f. */
  readonly teeth: number;
}

export const REST: MouthShape = { open: 0, wide: 0, teeth: 0 };

/** Everything a mouth can touch, head movement included, art units. */
export const MOUTH_BOX = { x: 308, y: 474, width: 152, height: 112 } as const;

const CENTRE = 384;
/** The base art's colours. */
const DARK = [0x61, 0x15, 0x19] as const;
const LINE = [0x3f, 0x26, 0x26] as const;
const TEETH = '#F6F1E4';
const TONGUE = '#E0564B';
/** The hollow under the lower lip, from the base art's smile. */
const HOLLOW = new Path2D('M363 533c6.08 6.96 16.76 6.57 25 4.36 3.88-1.04 7.8-1.87 10-5.36l-18 1.99z');

const mix = (from: number, to: number, part: number): number => from + (to - from) * Math.min(1, Math.max(0, part));

/** Lip lines of a shape: corners, and how far the middle of each lip hangs below them. */
function lips({ open, wide }: MouthShape): { half: number; corner: number; upper: number; lower: number; full: number } {
  const round = Math.max(0, -wide);
  const gap = open * mix(47, 40, round);
  const half = mix(mix(46, 53, wide), 25, round) - 3 * open * (1 - round);
  // At rest a smile: the corners sit above the middle. An open mouth lifts the upper lip and lets the jaw take the rest.
  const upper = mix(mix(8, -2, open * 3), -9, round * Math.min(1, open * 4));
  return {
    half,
    corner: mix(503, 507, open * 2) + round * 5,
    upper,
    lower: upper + mix(5.5, 6.5, open * 4) + gap,
    full: mix(0.62, 0.98, round),
  };
}

/** Draws the mouth in art units, in the base art's style. */
export function drawMouth(context: SKRSContext2D, shape: MouthShape): void {
  const { half, corner, upper, lower, full } = lips(shape);
  // A cubic whose two handles share a height passes three quarters of the way to it.
  const lip = (path: Path2D, from: number, to: number, middle: number): void => {
    const handle = corner + middle / 0.75;
    path.bezierCurveTo(CENTRE + from * full, handle, CENTRE + to * full, handle, CENTRE + to, corner);
  };
  const outline = new Path2D();
  outline.moveTo(CENTRE - half, corner);
  lip(outline, -half, half, upper);
  lip(outline, half, -half, lower);
  outline.closePath();

  const [red, green, blue] = LINE.map((line, at) => Math.round(mix(line, DARK[at] ?? 0, shape.open * 7)));
  context.fillStyle = `rgba(${red},${green},${blue},${mix(0.62, 1, shape.open * 7)})`;
  context.fill(outline);
  drawHollow(context, lower - 13.5);

  const gap = lower - upper;
  if (gap < 9) return;
  context.save();
  context.clip(outline);
  drawTongue(context, half, corner + lower, gap);
  const row = mix(Math.min(gap * 0.36, 12), gap * 0.46, shape.teeth) * (1 - 0.45 * Math.max(0, -shape.wide));
  drawTeeth(context, half, corner + upper, row, corner);
  if (shape.teeth > 0.35) drawLowerTeeth(context, half, corner + lower, row * shape.teeth);
  context.restore();
}

function drawHollow(context: SKRSContext2D, down: number): void {
  context.save();
  context.translate(0, Math.max(0, down) * 0.75);
  context.fillStyle = 'rgba(0,0,0,0.16)';
  context.fill(HOLLOW);
  context.restore();
}

function drawTongue(context: SKRSContext2D, half: number, bottom: number, gap: number): void {
  if (gap < 22) return;
  context.fillStyle = TONGUE;
  context.beginPath();
  context.ellipse(CENTRE, bottom + 3, half * 0.62, Math.min(17, (gap - 18) * 0.62), 0, 0, 2 * Math.PI);
  context.fill();
}

function drawTeeth(context: SKRSContext2D, half: number, top: number, row: number, corner: number): void {
  const inner = half * 0.84;
  const edge = Math.min(top, corner) - 8;
  context.fillStyle = TEETH;
  context.beginPath();
  context.moveTo(CENTRE - inner, edge);
  context.lineTo(CENTRE + inner, edge);
  context.quadraticCurveTo(CENTRE + inner, top + row * 0.9, CENTRE + inner * 0.7, top + row * 0.96);
  context.quadraticCurveTo(CENTRE, top + row * 1.1, CENTRE - inner * 0.7, top + row * 0.96);
  context.quadraticCurveTo(CENTRE - inner, top + row * 0.9, CENTRE - inner, edge);
  context.fill();
}

function drawLowerTeeth(context: SKRSContext2D, half: number, bottom: number, row: number): void {
  const inner = half * 0.7;
  context.fillStyle = TEETH;
  context.beginPath();
  context.moveTo(CENTRE - inner, bottom + 8);
  context.lineTo(CENTRE + inner, bottom + 8);
  context.quadraticCurveTo(CENTRE + inner, bottom - row, CENTRE, bottom - row);
  context.quadraticCurveTo(CENTRE - inner, bottom - row, CENTRE - inner, bottom + 8);
  context.fill();
}
