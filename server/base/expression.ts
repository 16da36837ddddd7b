import { FPS } from './media.ts';

/** What a face shows while its voice is silent. A face goes from one to the next one only: it listens before it thinks. */
export const EXPRESSIONS = ['rest', 'listening', 'thinking'] as const;
export type Expression = (typeof EXPRESSIONS)[number];

/** How much of each there is in a face: all zero is rest. */
export interface Blend {
  /** 0…1; with `thinking` at most 1. */
  readonly listening: number;
  readonly thinking: number;
  /** Head lowered, 0…1. */
  readonly nod: number;
}

export const AT_REST: Blend = { listening: 0, thinking: 0, nod: 0 };

/** Frames of an idle loop that expressions go along with. */
export const LOOP = 12 * FPS;
/** Frames after which a face that stays in an expression repeats itself; whole rounds make a loop. */
export const ROUND = 4 * FPS;

/** A short way from one expression to the next, or back to the same. */
export interface Move {
  readonly from: Expression;
  readonly to: Expression;
  /** It begins at frames of the idle loop that are a multiple of `every` and `first` more. */
  readonly every: number;
  readonly first: number;
  readonly frames: number;
}

/** A way out of rest is there within 400 ms; the way back, which nobody waits for, ends where the idle loop can take over. */
export const MOVES = {
  ponder: { from: 'listening', to: 'thinking', every: 10, first: 0, frames: 10 },
  attend: { from: 'rest', to: 'listening', every: 10, first: 0, frames: 10 },
  nod: { from: 'listening', to: 'listening', every: 10, first: 0, frames: 20 },
  turnBack: { from: 'thinking', to: 'listening', every: 10, first: 0, frames: 10 },
  relax: { from: 'listening', to: 'rest', every: FPS, first: 15, frames: 10 },
} as const satisfies Record<string, Move>;
export type MoveName = keyof typeof MOVES;

/** What is shown at one instant: an expression that is kept, or a move since the frame of the idle loop that it began at. */
export type Shown =
  { readonly expression: Expression } | { readonly move: MoveName; readonly since: number; readonly elapsed: number };

/** A picture of the reel of all moves and kept expressions: the idle loop's frame it goes along with, and what it shows. */
export interface ReelFrame {
  readonly idleFrame: number;
  readonly blend: Blend;
  /** A stream may begin here: at the start of each move, wherever one may end, and at each whole second. */
  readonly keyframe: boolean;
}

const KEPT = ['listening', 'thinking'] as const;
const names = Object.keys(MOVES) as MoveName[];
const touchesRest = ({ from, to }: Move): boolean => from === 'rest' || to === 'rest';
const roundOf = (move: Move): number => (touchesRest(move) ? LOOP : ROUND);
const lengthOf = (move: Move): number => (roundOf(move) / move.every) * move.frames;

/** Where each of them begins in the reel. */
const PLACES: Readonly<Record<string, number>> = (() => {
  const places: Record<string, number> = {};
  let at = 0;
  for (const name of names) {
    places[name] = at;
    at += lengthOf(MOVES[name]);
  }
  for (const kept of KEPT) {
    places[kept] = at;
    at += ROUND;
  }
  return places;
})();

/** Place in the reel of what is shown at frame `idleFrame` of the idle loop; undefined for rest, which is the idle loop itself. */
export function placeOf(shown: Shown, idleFrame: number): number | undefined {
  if (!('move' in shown)) return shown.expression === 'rest' ? undefined : (PLACES[shown.expression] ?? 0) + (idleFrame % ROUND);
  const move = MOVES[shown.move];
  return (PLACES[shown.move] ?? 0) + (((shown.since - move.first) % roundOf(move)) / move.every) * move.frames + shown.elapsed;
}

/** True where a move may begin. */
export const mayBegin = (name: MoveName, idleFrame: number): boolean => idleFrame % MOVES[name].every === MOVES[name].first;

/** The whole reel, in order; all expressions are seen in its first few pictures. */
export function reel(): ReelFrame[] {
  const isGrid = (frame: number): boolean => frame % 10 === 0 || frame % FPS === 0;
  const kept = KEPT.flatMap((expression) =>
    Array.from({ length: ROUND }, (_, frame) => {
      return { idleFrame: frame, blend: blendOf({ expression }), keyframe: isGrid(frame) };
    }),
  );
  const moved = names.flatMap((name) => {
    const { every, first, frames, ...move } = MOVES[name];
    return Array.from({ length: lengthOf(MOVES[name]) }, (_, at) => {
      const [since, elapsed] = [first + Math.floor(at / frames) * every, at % frames];
      const idleFrame = (since + elapsed) % (touchesRest(move as Move) ? LOOP : ROUND);
      return { idleFrame, blend: blendOf({ move: name, since, elapsed }), keyframe: elapsed === 0 || isGrid(idleFrame) };
    });
  });
  return [...moved, ...kept];
}

/** What is seen of each expression. */
export function blendOf(shown: Shown): Blend {
  if (!('move' in shown)) return pure(shown.expression);
  const { from, to, frames } = MOVES[shown.move];
  const part = (shown.elapsed + 1) / frames;
  const nod = shown.move === 'nod' ? nodded(part) : 0;
  const [before, after] = [pure(from), pure(to)];
  const weight = eased(part);
  return {
    listening: before.listening + (after.listening - before.listening) * weight,
    thinking: before.thinking + (after.thinking - before.thinking) * weight,
    nod,
  };
}

const pure = (expression: Expression): Blend => ({
  listening: expression === 'listening' ? 1 : 0,
  thinking: expression === 'thinking' ? 1 : 0,
  nod: 0,
});

/** From 0 to 1 as a head moves: without a jerk at either end. */
export const eased = (part: number): number => {
  const at = Math.min(1, Math.max(0, part));
  return at ** 3 * (10 - 15 * at + 6 * at ** 2);
};

/** Down and up in half a second, and once more, less. */
const nodded = (part: number): number =>
  part < 0.62 ? Math.sin((Math.PI * part) / 0.62) ** 2 : 0.4 * Math.sin((Math.PI * (part - 0.62)) / 0.38) ** 2;
