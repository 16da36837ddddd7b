import { describe, expect, it } from 'vitest';
import { IDLE_FRAMES, idlePoses, type Pose } from './pose.ts';

const SEEDS = ['nora', 'theo', 'ida', '', 'someone with a long name'];
const BODY = ['breath', 'yaw', 'roll', 'nod'] as const satisfies readonly (keyof Pose)[];

describe.each(SEEDS)('the idle loop of "%s"', (seed) => {
  const poses = idlePoses(seed);

  it('is the same each time', () => {
    expect(poses).toHaveLength(IDLE_FRAMES);
    expect(idlePoses(seed)).toEqual(poses);
  });

  it('moves without a jump, from its last frame to its first as well', () => {
    for (const part of BODY) {
      const steps = poses.map((pose, at) => Math.abs((poses[(at + 1) % IDLE_FRAMES]?.[part] ?? NaN) - pose[part]));
      expect(Math.max(...steps)).toBeLessThan(0.12);
      expect(Math.max(...poses.map((pose) => Math.abs(pose[part])))).toBeGreaterThan(0.4);
    }
  });

  it('blinks as people do: every 2 to 4.5 s, for about a quarter of a second, eyes open where the loop closes', () => {
    const starts = poses.flatMap(({ lids }, at) => (lids > 0 && (poses[at - 1]?.lids ?? 0) === 0 ? [at] : []));
    expect(starts.length).toBeGreaterThanOrEqual(2);
    starts.slice(1).forEach((start, at) => {
      const gap = start - (starts[at] ?? 0);
      expect(gap).toBeGreaterThanOrEqual(50);
      expect(gap).toBeLessThanOrEqual(112);
    });
    expect(poses.filter(({ lids }) => lids > 0).length).toBe(starts.length * 6);
    for (const end of [poses[0], poses.at(-1)]) expect([end?.lids, end?.gazeX, end?.gazeY]).toEqual([0, 0, 0]);
  });
});

it('gives each character a rhythm of its own', () => {
  const blinks = SEEDS.map((seed) => JSON.stringify(idlePoses(seed).map(({ lids }) => lids)));
  expect(new Set(blinks).size).toBe(SEEDS.length);
});
