import { EXPRESSIONS, mayBegin, MOVES, type Expression, type MoveName, type Shown } from '#base/expression.ts';

/** A nod comes at most so long after it was asked for, frames: later it would answer something else. */
const NOD_WITHIN = 20;
/** Changes that are remembered: enough to look back at the frame before. */
const REMEMBERED = 4;

/** From stage frame `from` on. */
type Part = { readonly from: number; readonly since: number } & (
  { readonly expression: Expression } | { readonly move: MoveName }
);

/**
 * Which expression a silent face shows when. Follows what is wished, one move after the other, each beginning where its pictures do. While the avatar
 * speaks it is at rest, since its pictures are drawn from there.
 */
export class ExpressionPlan {
  #wish: Expression = 'rest';
  #nodUntil = Number.NEGATIVE_INFINITY;
  #parts: Part[] = [{ from: Number.NEGATIVE_INFINITY, since: 0, expression: 'rest' }];
  /** No move begins before. */
  #free = Number.NEGATIVE_INFINITY;
  #reached = Number.NEGATIVE_INFINITY;

  wish(expression: Expression): void {
    this.#wish = expression;
  }

  nod(): void {
    this.#nodUntil = this.#reached + NOD_WITHIN;
  }

  /** At rest from stage frame `from` on; no move begins from now on until `free`. */
  rest(from: number, free: number): void {
    this.#keep([...this.#parts.filter((part) => part.from < from), { from, since: 0, expression: 'rest' }]);
    this.#free = free;
    this.#nodUntil = Number.NEGATIVE_INFINITY;
  }

  /** Decides what is shown at stage frame `frame`, where the idle loop is at `idleFrame`. To be called for each frame, in order. */
  advance(frame: number, idleFrame: number): void {
    this.#reached = frame;
    const next = this.#next(this.#part(frame), frame, idleFrame);
    if (!next) return;
    if ('move' in next && next.move === 'nod') this.#nodUntil = Number.NEGATIVE_INFINITY;
    this.#keep([...this.#parts, next]);
  }

  /** What is shown at stage frame `frame`: as decided, or, where that is still to come, as it stands now. */
  shown(frame: number): Shown {
    return at(this.#part(frame), frame);
  }

  /** What will be shown then, as far as known, if nobody speaks. `idleFrame` tells where the idle loop is. */
  expected(frame: number, idleFrame: (frame: number) => number): Shown {
    let part = this.#part(frame);
    if (!Number.isFinite(this.#reached)) return at(part, frame);
    for (let step = this.#reached + 1; step <= frame; step += 1) part = this.#next(part, step, idleFrame(step)) ?? part;
    return at(part, frame);
  }

  #keep(parts: readonly Part[]): void {
    this.#parts = parts.slice(-REMEMBERED);
  }

  #part(frame: number): Part {
    const part = this.#parts.findLast(({ from }) => from <= frame);
    return part ?? { from: frame, since: 0, expression: 'rest' };
  }

  /** What begins at `frame`, if anything does. */
  #next(part: Part, frame: number, idleFrame: number): Part | undefined {
    const shown = at(part, frame);
    if ('move' in shown) return undefined;
    const move = frame >= this.#free && this.#wanted(shown.expression, frame, idleFrame);
    return move ? { from: frame, since: idleFrame, move } : undefined;
  }

  #wanted(now: Expression, frame: number, idleFrame: number): MoveName | undefined {
    const far = EXPRESSIONS.indexOf(this.#wish) - EXPRESSIONS.indexOf(now);
    if (far === 0 && frame > this.#nodUntil) return undefined;
    const to = EXPRESSIONS[EXPRESSIONS.indexOf(now) + Math.sign(far)];
    const names = Object.keys(MOVES) as MoveName[];
    return names.find((name) => MOVES[name].from === now && MOVES[name].to === to && mayBegin(name, idleFrame));
  }
}

/** A move that is over has become the expression it leads to. */
function at(part: Part, frame: number): Shown {
  if (!('move' in part)) return { expression: part.expression };
  const { frames, to } = MOVES[part.move];
  const elapsed = frame - part.from;
  return elapsed < frames ? { move: part.move, since: part.since, elapsed } : { expression: to };
}
