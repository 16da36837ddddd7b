import { ROUND, type Blend } from '#base/expression.ts';
import { blinkFrom, IDLE_FRAMES, idlePoses, randomFrom, type Pose } from './pose.ts';

/** Attentive: nearer, head a little tilted, brows up, eyes on the viewer. */
const LISTENING = { lean: 1, roll: 1.5, nod: 0.25, yaw: 0.2, brows: 1, lips: 0.12, gazeX: 0, gazeY: 0 } as const;
/** Elsewhere for a moment: eyes up and to the side, chin up, lips drawn together. */
const THINKING = { lean: -0.15, roll: -0.8, nod: -0.9, yaw: -1, brows: 0.55, lips: -0.55, gazeX: -2.1, gazeY: -2.1 } as const;
/** What a nod lowers the head by, in poses' units. */
const NOD = 4.2;
/** How a head that is held still moves, as a part of what it moves at rest. */
const STILL = 0.22;

/** How a character rests, listens and thinks, along the frames of its idle loop. */
export class Expressions {
  readonly #rest: readonly Pose[];
  readonly #listening: readonly Pose[];
  readonly #thinking: readonly Pose[];

  constructor(seed: string) {
    this.#rest = idlePoses(seed);
    this.#listening = kept(LISTENING, this.#rest, randomFrom(`${seed} listening`));
    this.#thinking = wandering(kept(THINKING, this.#rest, randomFrom(`${seed} thinking`)));
  }

  /** What a blend looks like at a frame of the idle loop. */
  pose(idleFrame: number, { listening, thinking, nod }: Blend): Pose {
    const rest = at(this.#rest, idleFrame);
    if (listening === 0 && thinking === 0) return rest;
    const parts = [
      [rest, 1 - listening - thinking],
      [at(this.#listening, idleFrame), listening],
      [at(this.#thinking, idleFrame), thinking],
    ] as const;
    const sum = (name: keyof Pose): number => parts.reduce((total, [pose, weight]) => total + pose[name] * weight, 0);
    const keys = Object.keys(rest) as (keyof Pose)[];
    const pose = Object.fromEntries(keys.map((name) => [name, sum(name)])) as unknown as Pose;
    return { ...pose, nod: pose.nod + NOD * nod };
  }
}

function at(poses: readonly Pose[], frame: number): Pose {
  const pose = poses[frame % poses.length];
  if (!pose) throw new RangeError(`Idle frame ${frame} is not a whole number from 0.`);
  return pose;
}

/** A round of an expression: it breathes on, holds its head still, and blinks once. */
function kept(held: Omit<Pose, 'breath' | 'lids'>, rest: readonly Pose[], random: () => number): Pose[] {
  const phase = random() * 2 * Math.PI;
  const blink = blinkFrom(30 + Math.floor(random() * (ROUND - 50)));
  return Array.from({ length: ROUND }, (_, frame) => {
    const turn = (2 * Math.PI * frame) / ROUND;
    return {
      ...held,
      breath: rest[frame % IDLE_FRAMES]?.breath ?? 0,
      lids: blink(frame),
      yaw: held.yaw + STILL * Math.sin(turn + phase),
      roll: held.roll + STILL * Math.sin(turn + 2.1 * phase),
      nod: held.nod + STILL * Math.sin(2 * turn + 3.3 * phase),
    };
  });
}

/** Eyes that look for a thought: for the second half of the round they rest on another place. */
function wandering(poses: readonly Pose[]): Pose[] {
  return poses.map((pose, frame) => {
    const away = Math.min(1, Math.max(0, Math.min(frame - 48, 98 - frame) / 2));
    return { ...pose, gazeX: pose.gazeX + 0.9 * away, gazeY: pose.gazeY - 0.25 * away };
  });
}
