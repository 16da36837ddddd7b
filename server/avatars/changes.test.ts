import { readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { greyRenderer, Place } from './avatars.fixture.ts';
import type { Avatars } from './avatars.ts';
import { likenessOf } from './likeness.ts';

let place: Place;
beforeEach(async () => (place = await Place.make()));
afterEach(() => place.close());

const until = (avatars: Avatars, id: string, state: string): Promise<void> =>
  expect.poll(() => avatars.get(id).state, { timeout: 20_000 }).toBe(state);

describe('replacing', () => {
  test('lets the old one serve until the new one is ready, and sessions keep the one they began with', async () => {
    let hold: Promise<void> = Promise.resolve();
    const avatars = await place.open({ renderer: greyRenderer('remote', () => hold) });
    const id = await place.create(avatars);
    await until(avatars, id, 'ready');
    const session = avatars.take(id);
    const gate = Promise.withResolvers<void>();
    hold = gate.promise;
    const answer = await avatars.replace(id, { name: 'Eve' }, await place.upload(avatars, 'b.png'));
    expect(answer).toMatchObject({ state: 'ready', name: 'Ada', replacement: { state: 'queued' } });
    await expect.poll(() => avatars.get(id).replacement?.state, { timeout: 20_000 }).toBe('building');
    expect(avatars.take(id).name).toBe('Ada');
    gate.resolve();
    await expect.poll(() => avatars.get(id).name, { timeout: 20_000 }).toBe('Eve');
    expect(avatars.get(id).replacement).toBeUndefined();
    expect(avatars.take(id).key).not.toBe(session.key);
    expect(await likenessOf(place.folder, session.key)).toBeDefined();
    expect(await place.versions(id)).toHaveLength(2);
  });

  test('by something that can not be made leaves the old one', async () => {
    const avatars = await place.open();
    const id = await place.create(avatars);
    await until(avatars, id, 'ready');
    const path = await avatars.incoming();
    await writeFile(path, '\x89PNG\r\n\x1a\nno more', 'latin1');
    await avatars.replace(id, { name: 'Eve' }, { path, kind: 'image' });
    await expect
      .poll(() => avatars.get(id).replacement, { timeout: 20_000 })
      .toMatchObject({ state: 'failed', reason: expect.any(String) as string });
    expect(avatars.take(id).name).toBe('Ada');
  });

  test('twice makes the last one only', async () => {
    const gate = Promise.withResolvers<void>();
    const avatars = await place.open({ renderer: greyRenderer('remote', () => gate.promise) });
    const id = await place.create(avatars);
    await until(avatars, id, 'building');
    await avatars.replace(id, { name: 'Second' }, await place.upload(avatars));
    await avatars.replace(id, { name: 'Third' }, await place.upload(avatars));
    gate.resolve();
    await until(avatars, id, 'ready');
    expect(avatars.get(id).name).toBe('Third');
    await expect.poll(() => place.versions(id), { timeout: 20_000 }).toHaveLength(1);
  });

  test('or deleting one that comes with the server is refused', async () => {
    const avatars = await place.open();
    await expect(avatars.remove('nora')).rejects.toMatchObject({ code: 'conflict' });
    await expect(avatars.replace('nora', { name: 'Eve' }, await place.upload(avatars))).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(avatars.remove('nobody')).rejects.toMatchObject({ code: 'avatar_not_found' });
  });
});

describe('deleting', () => {
  test('leaves it to the sessions that have it, and all of it goes with the last one', async () => {
    const avatars = await place.open();
    const id = await place.create(avatars);
    await until(avatars, id, 'ready');
    const [first, second] = [avatars.take(id), avatars.take(id)];
    await avatars.remove(id);
    expect(() => avatars.take(id)).toThrow(/There is no avatar/);
    expect(avatars.take(id, true).key).toBe(first.key);
    first.release();
    first.release();
    expect(await place.versions(id)).toHaveLength(1);
    expect(avatars.list().map((one) => one.id)).not.toContain(id);
    second.release();
    await avatars.close('test');
    // One is still held: the one that came back.
    expect(await place.store.all()).toHaveLength(1);
    const next = await place.open();
    next.sweep();
    await expect.poll(() => place.store.all(), { timeout: 20_000 }).toEqual([]);
    expect(await readdir(place.folder)).toEqual([]);
  });

  test('waits for sessions that are asleep', async () => {
    let asleep = true;
    const avatars = await place.open({ isWanted: () => asleep });
    const id = await place.create(avatars);
    await until(avatars, id, 'ready');
    await avatars.remove(id);
    avatars.sweep();
    expect(avatars.take(id, true).id).toBe(id);
    asleep = false;
    const next = await place.open();
    next.sweep();
    await expect.poll(() => place.store.all(), { timeout: 20_000 }).toEqual([]);
  });

  test('while it is made stops that', async () => {
    const gate = Promise.withResolvers<void>();
    const avatars = await place.open({ renderer: greyRenderer('remote', () => gate.promise) });
    const id = await place.create(avatars);
    await until(avatars, id, 'building');
    await avatars.remove(id);
    gate.resolve();
    await expect.poll(() => place.store.all(), { timeout: 20_000 }).toEqual([]);
    await expect.poll(() => readdir(place.folder), { timeout: 20_000 }).not.toContain(id);
  });
});
