import { LOOP } from '#base/expression.ts';

/** Frames of the idle loop: 12 s at 25 fps. */
export const IDLE_FRAMES = LOOP;

/** Where the body is on one frame of the idle loop. Each figure is about −1…1 unless said otherwise. */
export interface Pose {
  /** 1 breathed in, −1 breathed out. */
  readonly breath: number;
  /** Turn of the head to its left. */
  readonly yaw: number;
  /** Tilt of the head to the right. */
  readonly roll: number;
  /** Head lowered. */
  readonly nod: number;
  /** Lids: 0 open, 1 closed. */
  readonly lids: number;
  readonly gazeX: number;
  readonly gazeY: number;
  /** Nearer to the viewer. */
  readonly lean: number;
  /** Brows raised. */
  readonly brows: number;
  /** Lips spread, or rounded where below zero. */
  readonly lips: number;
}

/** Lids over the frames of one blink: down in 80 ms, up again in 160 ms, as people do. */
const BLINK = [0.45, 1, 1, 0.7, 0.35, 0.1] as const;

/** The whole idle loop of a character; the last pose leads to the first, and the same seed gives the same loop. */
export function idlePoses(seed: string): readonly Pose[] {
  const random = randomFrom(seed);
  const turn = 2 * Math.PI;
  const [a, b, c, d, e, f] = Array.from({ length: 6 }, () => random() * turn) as [number, number, number, number, number, number];
  const lids = blinks(random);
  const gaze = glances(random);
  return Array.from({ length: IDLE_FRAMES }, (_, frame) => {
    // Whole numbers of cycles per loop: whatever the phases, the loop closes.
    const at = (frame / IDLE_FRAMES) * turn;
    return {
      breath: Math.sin(3 * at) * 0.85 + Math.sin(6 * at + 0.6) * 0.15,
      yaw: 0.6 * Math.sin(at + a) + 0.4 * Math.sin(2 * at + b),
      roll: 0.65 * Math.sin(at + c) + 0.35 * Math.sin(3 * at + d),
      nod: 0.6 * Math.sin(2 * at + e) + 0.4 * Math.sin(5 * at + f),
      lids: lids[frame] ?? 0,
      gazeX: gaze[frame]?.x ?? 0,
      gazeY: gaze[frame]?.y ?? 0,
      lean: 0,
      brows: 0,
      lips: 0,
    };
  });
}

/** Lids of one blink that begins at frame `start`. */
export const blinkFrom =
  (start: number) =>
  (frame: number): number =>
    BLINK[frame - start] ?? 0;

/** A blink every 2 to 4.5 s, none across the loop's ends. */
function blinks(random: () => number): number[] {
  const lids = new Array<number>(IDLE_FRAMES).fill(0);
  for (let at = 20 + Math.floor(random() * 40); at < IDLE_FRAMES - 2 * BLINK.length; at += 50 + Math.floor(random() * 62))
    BLINK.forEach((lid, frame) => (lids[at + frame] = lid));
  return lids;
}

/** Eyes that mostly look at the viewer, and now and then for about a second a little past. */
function glances(random: () => number): { x: number; y: number }[] {
  const gaze = Array.from({ length: IDLE_FRAMES }, () => ({ x: 0, y: 0 }));
  for (let at = 45 + Math.floor(random() * 30); at < IDLE_FRAMES - 50; at += 90 + Math.floor(random() * 40)) {
    const [x, y] = [random() * 2 - 1, random() * 1.2 - 0.6];
    const frames = 16 + Math.floor(random() * 20);
    for (let frame = 0; frame < frames; frame += 1) {
      // Eyes leap: half way on the first frame, there on the second.
      const part = frame === 0 || frame === frames - 1 ? 0.5 : 1;
      gaze[at + frame] = { x: x * part, y: y * part };
    }
  }
  return gaze;
}

/** Mulberry32 over an FNV-1a hash of the seed: small, and the same everywhere. */
export function randomFrom(seed: string): () => number {
  let state = 0x811c9dc5;
  for (const letter of seed) state = Math.imul(state ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
