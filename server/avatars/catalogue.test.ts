import { expect, it } from 'vitest';
import { AvatarError } from '#base/errors.ts';
import { avatars, findAvatar } from './catalogue.ts';

const FLITE = ['slt', 'kal', 'rms', 'awb', 'kal16'];

it('has six characters, each with its own id, name and a voice flite speaks', () => {
  const ids = avatars().map(({ id }) => id);
  expect(ids).toHaveLength(6);
  expect(new Set(ids).size).toBe(ids.length);
  expect(new Set(avatars().map(({ name }) => name)).size).toBe(ids.length);
  expect(avatars().every(({ voice }) => FLITE.includes(voice))).toBe(true);
});

it('finds each by its id, and the first when none is asked for', () => {
  for (const avatar of avatars()) expect(findAvatar(avatar.id)).toBe(avatar);
  expect(findAvatar()).toBe(avatars()[0]);
});

it.each(['nobody', '', 'Nora', '__proto__', 'x'.repeat(10_000)])('names the ids there are when asked for another', (id) => {
  const find = (): unknown => findAvatar(id);
  expect(find).toThrow(AvatarError);
  expect(find).toThrow(/nora, theo, ida/);
  try {
    find();
  } catch (error) {
    expect(error).toMatchObject({
      code: 'avatar_not_found',
      details: { allowed: ['nora', 'theo', 'ida', 'amara', 'marco', 'greta'] },
    });
    expect((error as Error).message.length).toBeLessThan(200);
  }
});
