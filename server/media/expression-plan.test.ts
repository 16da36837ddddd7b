import { describe, expect, it } from 'vitest';
import { blendOf, LOOP, mayBegin, MOVES, placeOf, reel, type Expression, type MoveName, type Shown } from '#base/expression.ts';
import { ExpressionPlan } from './expression-plan.ts';

const layout = reel();

/** What a face shows at each frame from `from` on; `do` says what happens when. */
function shown(frames: number, events: Readonly<Record<number, (plan: ExpressionPlan) => void>>, offset = 0): Shown[] {
  const plan = new ExpressionPlan();
  return Array.from({ length: frames }, (_, frame) => {
    events[frame]?.(plan);
    plan.advance(frame, (frame + offset) % LOOP);
    return plan.shown(frame);
  });
}

const wish =
  (expression: Expression) =>
  (plan: ExpressionPlan): void =>
    plan.wish(expression);
/** Each thing that is shown, once, with the frame it begins at. */
function turns(all: readonly Shown[]): [number, string][] {
  const names = all.map((one) => ('move' in one ? one.move : one.expression));
  return names.flatMap((name, at) => (name === names[at - 1] ? [] : [[at, name]]));
}

describe('the reel', () => {
  it('holds each picture once, with what it shows, and begins anew wherever something may begin', () => {
    const seen = new Set<number>();
    const look = (one: Shown, idleFrame: number): void => {
      const place = placeOf(one, idleFrame) ?? NaN;
      seen.add(place);
      const picture = layout[place];
      expect(picture?.blend).toEqual(blendOf(one));
      expect((idleFrame - (picture?.idleFrame ?? NaN)) % 100).toBe(0);
      if (idleFrame % 25 === 0 || ('move' in one ? one.elapsed === 0 : idleFrame % 10 === 0))
        expect(picture?.keyframe).toBe(true);
    };
    for (let since = 0; since < LOOP; since += 1) {
      look({ expression: 'listening' }, since);
      look({ expression: 'thinking' }, since);
      for (const [move, { frames }] of Object.entries(MOVES) as [MoveName, { frames: number }][]) {
        if (!mayBegin(move, since)) continue;
        for (let elapsed = 0; elapsed < frames; elapsed += 1) look({ move, since, elapsed }, (since + elapsed) % LOOP);
      }
    }
    expect(seen.size).toBe(layout.length);
    expect([...seen].every((place) => place in layout)).toBe(true);
  });

  it('never jumps: a move begins near what is left and ends near what follows, and is smooth in between', () => {
    for (const [move, { from, to, frames }] of Object.entries(MOVES) as [
      MoveName,
      { from: Expression; to: Expression; frames: number },
    ][]) {
      const inside = Array.from({ length: frames }, (_, elapsed) => blendOf({ move, since: 0, elapsed }));
      const blends = [blendOf({ expression: from }), ...inside, blendOf({ expression: to })];
      for (const part of ['listening', 'thinking', 'nod'] as const) {
        const steps = blends.slice(1).map((blend, at) => Math.abs(blend[part] - (blends[at]?.[part] ?? NaN)));
        expect(Math.max(...steps), `${part} of ${move}`).toBeLessThan(0.26);
        expect(Math.max(steps[0] ?? NaN, steps.at(-1) ?? NaN), `ends of ${part} of ${move}`).toBeLessThan(0.08);
      }
    }
  });
});

describe('a silent face', () => {
  it('listens within 400 ms, nods when asked, thinks by way of listening, and rests again', () => {
    const all = shown(320, {
      3: wish('listening'),
      42: (plan) => plan.nod(),
      91: wish('thinking'),
      150: wish('rest'),
    });
    expect(turns(all)).toEqual([
      [0, 'rest'],
      [10, 'attend'],
      [20, 'listening'],
      [50, 'nod'],
      [70, 'listening'],
      [100, 'ponder'],
      [110, 'thinking'],
      [150, 'turnBack'],
      [160, 'listening'],
      [165, 'relax'],
      [175, 'rest'],
    ]);
  });

  it('thinks 800 ms after the first beginning when it was at rest', () => {
    expect(turns(shown(40, { 1: wish('thinking') })).slice(1)).toEqual([
      [10, 'attend'],
      [20, 'ponder'],
      [30, 'thinking'],
    ]);
  });

  it('follows the idle loop wherever that was laid', () => {
    for (const offset of [25, 50, 75, 275])
      for (const [at, name] of turns(shown(200, { 3: wish('listening'), 90: wish('rest') }, offset)))
        if (name in MOVES) expect(mayBegin(name as MoveName, (at + offset) % LOOP)).toBe(true);
  });

  it('nods only while it listens, and not to what was said long ago', () => {
    const nod = (plan: ExpressionPlan): void => plan.nod();
    const names = (events: Parameters<typeof shown>[1]): string[] => turns(shown(100, events)).map(([, name]) => name);
    expect(names({ 5: nod })).toEqual(['rest']);
    expect(names({ 0: wish('thinking'), 32: nod })).not.toContain('nod');
    // Asked for while it is still turning to the speaker.
    expect(names({ 0: wish('listening'), 4: nod })).toContain('nod');
    expect(names({ 5: nod, 60: wish('listening') })).not.toContain('nod');
  });

  it('is at rest from the end of a fade into speech until the fade back is over, and then goes on as wished', () => {
    const all = shown(120, {
      2: wish('thinking'),
      48: (plan) => plan.rest(55, Number.POSITIVE_INFINITY),
      60: wish('listening'),
      80: (plan) => plan.rest(81, 86),
    });
    expect(turns(all).slice(3)).toEqual([
      [30, 'thinking'],
      [55, 'rest'],
      [90, 'attend'],
      [100, 'listening'],
    ]);
  });

  it('says ahead what it will show', () => {
    const plan = new ExpressionPlan();
    plan.advance(0, 0);
    plan.wish('listening');
    const expected = [4, 12, 19, 20, 40].map((frame) => plan.expected(frame, (at) => at));
    const later = shown(41, { 1: wish('listening') });
    expect(expected).toEqual([4, 12, 19, 20, 40].map((frame) => later[frame]));
    expect(plan.shown(40)).toEqual({ expression: 'rest' });
  });
});
