import { readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AvatarError } from '#base/errors.ts';
import { greyRenderer, Place } from './avatars.fixture.ts';
import type { Avatars } from './avatars.ts';
import type { Face } from './face.ts';
import { likenessOf } from './likeness.ts';

let place: Place;
beforeEach(async () => (place = await Place.make()));
afterEach(() => place.close());

const until = (avatars: Avatars, id: string, state: string): Promise<void> =>
  expect.poll(() => avatars.get(id).state, { timeout: 20_000 }).toBe(state);

describe('an avatar', () => {
  test('is queued, then ready; sessions may have it only then, and know what it looks like', async () => {
    const avatars = await place.open();
    const id = await place.create(avatars, 'a.png', { prompt: 'A calm person.', voice: 'v1', language: 'de' });
    expect(avatars.get(id)).toMatchObject({ kind: 'image', renderer: 'remote', engines: ['remote'] });
    expect(() => avatars.take(id)).toThrow(/can't be shown \((queued|building)\)/);
    await until(avatars, id, 'ready');
    const { release, ...face } = avatars.take(id);
    expect(face).toMatchObject({ id, name: 'Ada', prompt: 'A calm person.', voice: 'v1', language: 'de', shownBy: 'renderer' });
    expect(await likenessOf(place.folder, face.key)).toMatchObject({ id: face.key, prompt: 'A calm person.', mime: 'image/png' });
    expect(await readdir(face.folder ?? '')).toEqual(['prompt.txt', 'reference.png', expect.stringMatching(/^remote-.*idle$/)]);
    expect(avatars.list().map((one) => [one.id, one.state])).toContainEqual([id, 'ready']);
    release();
  });

  test('that is unknown, or not ready, is refused with those that may be had', async () => {
    const avatars = await place.open({ renderer: greyRenderer('remote', () => new Promise(() => undefined)) });
    const id = await place.create(avatars);
    await until(avatars, id, 'building');
    const thrown = (take: () => unknown): unknown => {
      try {
        return take();
      } catch (error) {
        return error;
      }
    };
    expect(thrown(() => avatars.take(id))).toMatchObject({
      code: 'avatar_not_ready',
      details: { state: 'building', allowed: ['nora', 'theo', 'ida', 'amara', 'marco', 'greta'] },
    });
    expect(thrown(() => avatars.take('nobody'))).toMatchObject({
      code: 'avatar_not_found',
      details: { allowed: ['nora', 'theo', 'ida', 'amara', 'marco', 'greta'] },
    });
    expect(avatars.take(undefined).id).toBe('nora');
    expect(avatars.take('theo')).toMatchObject({ kind: 'drawn', key: 'theo' });
  });

  test('from a photograph fails on the portrait renderer, saying what would help, and is made by another one after a restart', async () => {
    const before = await place.open({ renderer: greyRenderer('portrait') });
    const id = await place.create(before);
    await until(before, id, 'failed');
    expect(before.get(id)).toMatchObject({ renderer: 'none', reason: expect.stringMatching(/RENDERER=remote/) as string });
    expect(() => before.take(id)).toThrow(/RENDERER=remote/);
    const again = await place.open({ renderer: greyRenderer('portrait') });
    expect(again.get(id).state).toBe('failed');
    const after = await place.open();
    await until(after, id, 'ready');
  });

  test('from a clip is shown as a clip there, and says so', async () => {
    const avatars = await place.open({ renderer: greyRenderer('portrait') });
    const id = await place.create(avatars, 'a.mp4');
    await until(avatars, id, 'ready');
    expect(avatars.get(id)).toMatchObject({ renderer: 'clip', notice: expect.stringMatching(/shown as it is/) as string });
    expect(avatars.take(id)).toMatchObject({ shownBy: 'clip', lesser: expect.stringMatching(/shown as it is/) as string });
  });

  test.each([
    ['an image sent as a clip', { kind: 'clip' as const }, 'a.png', /`clip` must be a file of type MP4 or WebM.*png/],
    ['a clip sent as an image', { kind: 'image' as const }, 'a.mp4', /`image` must be a file of type PNG, JPEG or WebP.*mp4/],
  ])('%s is refused at once', async (_what, as, name, why) => {
    const avatars = await place.open();
    const given = { ...(await place.upload(avatars, name)), ...as };
    await expect(avatars.create({ name: 'Ada' }, given)).rejects.toMatchObject({
      code: 'unsupported_media_type',
      message: expect.stringMatching(why) as string,
    });
    expect(await place.store.all()).toEqual([]);
  });

  test('that is damaged fails with the reason, and stays so after a restart', async () => {
    const avatars = await place.open();
    const path = await avatars.incoming();
    await writeFile(path, '\x89PNG\r\n\x1a\nno more', 'latin1');
    const { id } = await avatars.create({ name: 'Ada' }, { path, kind: 'image' });
    await until(avatars, id, 'failed');
    const again = await place.open();
    expect(again.get(id)).toMatchObject({ state: 'failed', reason: expect.stringMatching(/damaged|no picture/) as string });
    await again.remove(id);
    expect(() => again.get(id)).toThrow(AvatarError);
  });

  test('are no more than allowed', async () => {
    const avatars = await place.open({ max: 1 });
    const id = await place.create(avatars);
    await expect(place.create(avatars)).rejects.toMatchObject({ code: 'too_many_avatars' });
    await avatars.remove(id);
    await place.create(avatars);
  });

  test('whose greeting names a voice that is none fails; one whose voice is down for now is ready all the same', async () => {
    const greet = async ({ voice }: Face): Promise<void> => {
      throw new AvatarError(voice === 'none' ? 'bad_request' : 'provider_failed', `The voice ${voice ?? ''} is none.`);
    };
    const avatars = await place.open({ greet });
    const [none, down] = [
      await place.create(avatars, 'a.png', { greeting: 'Hi.', voice: 'none' }),
      await place.create(avatars, 'a.png', { greeting: 'Hi.' }),
    ];
    await until(avatars, none, 'failed');
    await until(avatars, down, 'ready');
    expect(avatars.get(none).reason).toContain('The voice none is none.');
  });
});

describe('trouble', () => {
  test('that may pass is tried again, visibly; what never comes to an end is given up', async () => {
    let tries = 0;
    const flaky = greyRenderer('remote', async () => {
      tries += 1;
      if (tries < 3) throw new AvatarError('render_failed', 'No worker is there.');
    });
    const avatars = await place.open({ renderer: flaky });
    const id = await place.create(avatars);
    await expect.poll(() => avatars.get(id).reason, { timeout: 20_000 }).toMatch(/No worker is there\. It is tried again in 2 s/);
    expect(avatars.get(id).state).toBe('queued');
    await place.clock.advance(2_000);
    await expect.poll(() => avatars.get(id).reason, { timeout: 20_000 }).toMatch(/again in 8 s/);
    await place.clock.advance(8_000);
    await until(avatars, id, 'ready');

    const [kept] = await place.store.all();
    if (!kept?.current) throw new Error('it is not kept');
    const { current, ...rest } = kept;
    await place.store.put({ ...rest, next: { ...current, version: 'feed', tries: 5 } });
    const poisoned = await place.open();
    await until(poisoned, id, 'failed');
    expect(poisoned.get(id).reason).toMatch(/5 times/);
  });

  test('a server that ends while it is made: the next one makes it', async () => {
    const before = await place.open({ renderer: greyRenderer('remote', () => new Promise(() => undefined)) });
    const id = await place.create(before);
    await expect.poll(() => before.get(id).step, { timeout: 20_000 }).toBe('idle');
    expect((await place.store.all())[0]?.next?.tries).toBe(1);
    const after = await place.open();
    expect(after.get(id).state).not.toBe('ready');
    await until(after, id, 'ready');
    expect((await place.store.all())[0]).toMatchObject({ current: { tries: 0 } });
  });

  test('the next server with a renderer of another size draws it anew', async () => {
    const before = await place.open();
    const id = await place.create(before);
    await until(before, id, 'ready');
    const other = greyRenderer('remote-2');
    const after = await place.open({ renderer: other });
    await until(after, id, 'ready');
    expect(await readdir(after.take(id).folder ?? '')).toContainEqual(expect.stringMatching(/^remote-2-.*idle$/));
  });
});
