import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { silentLog } from '#base/log.ts';
import { FPS, i420Bytes, type VideoFrame } from '#base/media.ts';
import type { Renderer } from '#server/render/renderer.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { clip, picture } from '#test/support/avatar-files.ts';
import { Avatars, type Upload } from './avatars.ts';
import type { Face } from './face.ts';
import { IdleLoops } from './idle-loops.ts';
import { likenessOf } from './likeness.ts';
import { MemoryStore } from './memory-store.ts';
import { homeOf } from './store.ts';

const SIZE = { width: 64, height: 64 };
const SECOND = Array.from({ length: FPS }, (_, frame): VideoFrame => ({
  ...SIZE,
  data: new Uint8Array(i420Bytes(SIZE)).fill(frame),
}));

/** Draws a second of grey for any avatar; `idle` says what else happens first. */
function greyRenderer(name: string, idle: () => Promise<void> = async () => undefined): Renderer {
  return {
    name,
    geometry: { ...SIZE, freshFrames: 4, overlapFrames: 0 },
    expectedRtf: 0.1,
    stamped: false,
    async *render() {
      yield* [];
    },
    async *idle(_avatar, signal) {
      await idle();
      signal.throwIfAborted();
      yield* SECOND;
    },
    close: async () => undefined,
  };
}

let folder: string;
let files: string;
let store: MemoryStore;
let clock: VirtualClock;
const opened: Avatars[] = [];
beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), 'uploads-'));
  await Promise.all([picture(files, 'a.png'), picture(files, 'b.png', '300x300'), clip(files, 'a.mp4', 2)]);
});
afterAll(() => rm(files, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'avatars-'));
  store = new MemoryStore();
  clock = new VirtualClock();
});
afterEach(async () => {
  for (const avatars of opened.splice(0)) await avatars.close('test over');
  await rm(folder, { recursive: true });
});

interface Given {
  readonly renderer?: Renderer;
  readonly greet?: (face: Face) => Promise<void>;
  readonly isWanted?: () => boolean;
  readonly max?: number;
}

async function open({
  renderer = greyRenderer('remote'),
  greet = async () => undefined,
  isWanted = () => false,
  max = 10,
}: Given = {}) {
  const idleLoops = new IdleLoops({ renderer, folder, home: (key) => homeOf(folder, key), log: silentLog });
  const avatars = await Avatars.open({
    renderer: renderer.name,
    folder,
    store,
    engineOf: () => ({ renderer, idleLoops }),
    greet,
    forget: (key) => idleLoops.drop(key),
    isWanted,
    max,
    speaksBuiltIn: true,
    clock,
    log: silentLog,
    metrics: createMetrics(),
  });
  opened.push(avatars);
  return avatars;
}

async function upload(avatars: Avatars, name = 'a.png'): Promise<Upload> {
  const path = await avatars.incoming();
  await copyFile(join(files, name), path);
  return { path, kind: name.endsWith('.mp4') ? 'clip' : 'image' };
}

const make = async (avatars: Avatars, name?: string, fields = {}): Promise<string> =>
  (await avatars.create({ name: 'Ada', ...fields }, await upload(avatars, name))).id;
const until = (avatars: Avatars, id: string, state: string): Promise<void> =>
  expect.poll(() => avatars.get(id).state, { timeout: 10_000 }).toBe(state);
const versions = (id: string): Promise<string[]> => readdir(join(folder, id));

describe('an avatar', () => {
  test('is queued, then ready; sessions may have it only then, and know what it looks like', async () => {
    const avatars = await open();
    const id = await make(avatars, 'a.png', { prompt: 'A calm person.', voice: 'v1', language: 'de' });
    expect(avatars.get(id)).toMatchObject({ kind: 'image', renderer: 'remote', engines: ['remote'] });
    expect(() => avatars.take(id)).toThrow(/can't be shown \((queued|building)\)/);
    await until(avatars, id, 'ready');
    const { release, ...face } = avatars.take(id);
    expect(face).toMatchObject({ id, name: 'Ada', prompt: 'A calm person.', voice: 'v1', language: 'de', shownBy: 'renderer' });
    expect(await likenessOf(folder, face.key)).toMatchObject({ id: face.key, prompt: 'A calm person.', mime: 'image/png' });
    expect(await readdir(face.folder ?? '')).toEqual(['prompt.txt', 'reference.png', 'remote-64x64.idle']);
    expect(avatars.list().map((one) => [one.id, one.state])).toContainEqual([id, 'ready']);
    release();
  });

  test('that is unknown, or not ready, is refused with those that may be had', async () => {
    const avatars = await open({ renderer: greyRenderer('remote', () => new Promise(() => undefined)) });
    const id = await make(avatars);
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
      details: { state: 'building', allowed: ['nora', 'theo', 'ida'] },
    });
    expect(thrown(() => avatars.take('nobody'))).toMatchObject({
      code: 'avatar_not_found',
      details: { allowed: ['nora', 'theo', 'ida'] },
    });
    expect(avatars.take(undefined).id).toBe('nora');
    expect(avatars.take('theo')).toMatchObject({ kind: 'drawn', key: 'theo' });
  });

  test('from a photograph fails on the portrait renderer, saying what would help, and is made by another one after a restart', async () => {
    const before = await open({ renderer: greyRenderer('portrait') });
    const id = await make(before);
    await until(before, id, 'failed');
    expect(before.get(id)).toMatchObject({ renderer: 'none', reason: expect.stringMatching(/RENDERER=remote/) as string });
    expect(() => before.take(id)).toThrow(/RENDERER=remote/);
    const again = await open({ renderer: greyRenderer('portrait') });
    expect(again.get(id).state).toBe('failed');
    const after = await open();
    await until(after, id, 'ready');
  });

  test('from a clip is shown as a clip there, and says so', async () => {
    const avatars = await open({ renderer: greyRenderer('portrait') });
    const id = await make(avatars, 'a.mp4');
    await until(avatars, id, 'ready');
    expect(avatars.get(id)).toMatchObject({ renderer: 'clip', notice: expect.stringMatching(/shown as it is/) as string });
    expect(avatars.take(id)).toMatchObject({ shownBy: 'clip', lesser: expect.stringMatching(/shown as it is/) as string });
  });

  test.each([
    ['an image sent as a clip', { kind: 'clip' as const }, 'a.png', /`clip` must be a file of type MP4 or WebM.*png/],
    ['a clip sent as an image', { kind: 'image' as const }, 'a.mp4', /`image` must be a file of type PNG, JPEG or WebP.*mp4/],
  ])('%s is refused at once', async (_what, as, name, why) => {
    const avatars = await open();
    const given = { ...(await upload(avatars, name)), ...as };
    await expect(avatars.create({ name: 'Ada' }, given)).rejects.toMatchObject({
      code: 'unsupported_media_type',
      message: expect.stringMatching(why) as string,
    });
    expect(await store.all()).toEqual([]);
  });

  test('that is damaged fails with the reason, and stays so after a restart', async () => {
    const avatars = await open();
    const path = await avatars.incoming();
    await writeFile(path, '\x89PNG\r\n\x1a\nno more', 'latin1');
    const { id } = await avatars.create({ name: 'Ada' }, { path, kind: 'image' });
    await until(avatars, id, 'failed');
    const again = await open();
    expect(again.get(id)).toMatchObject({ state: 'failed', reason: expect.stringMatching(/damaged|no picture/) as string });
    await again.remove(id);
    expect(() => again.get(id)).toThrow(AvatarError);
  });

  test('are no more than allowed', async () => {
    const avatars = await open({ max: 1 });
    const id = await make(avatars);
    await expect(make(avatars)).rejects.toMatchObject({ code: 'too_many_avatars' });
    await avatars.remove(id);
    await make(avatars);
  });

  test('whose greeting names a voice that is none fails; one whose voice is down for now is ready all the same', async () => {
    const greet = async ({ voice }: Face): Promise<void> => {
      throw new AvatarError(voice === 'none' ? 'bad_request' : 'provider_failed', `The voice ${voice ?? ''} is none.`);
    };
    const avatars = await open({ greet });
    const [none, down] = [
      await make(avatars, 'a.png', { greeting: 'Hi.', voice: 'none' }),
      await make(avatars, 'a.png', { greeting: 'Hi.' }),
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
    const avatars = await open({ renderer: flaky });
    const id = await make(avatars);
    await expect.poll(() => avatars.get(id).reason).toMatch(/No worker is there\. It is tried again in 2 s/);
    expect(avatars.get(id).state).toBe('queued');
    await clock.advance(2_000);
    await expect.poll(() => avatars.get(id).reason).toMatch(/again in 8 s/);
    await clock.advance(8_000);
    await until(avatars, id, 'ready');

    const [kept] = await store.all();
    if (!kept?.current) throw new Error('it is not kept');
    const { current, ...rest } = kept;
    await store.put({ ...rest, next: { ...current, version: 'feed', tries: 5 } });
    const poisoned = await open();
    await until(poisoned, id, 'failed');
    expect(poisoned.get(id).reason).toMatch(/5 times/);
  });

  test('a server that ends while it is made: the next one makes it', async () => {
    const before = await open({ renderer: greyRenderer('remote', () => new Promise(() => undefined)) });
    const id = await make(before);
    await expect.poll(() => before.get(id).step, { timeout: 10_000 }).toBe('idle');
    expect((await store.all())[0]?.next?.tries).toBe(1);
    const after = await open();
    expect(after.get(id).state).not.toBe('ready');
    await until(after, id, 'ready');
    expect((await store.all())[0]).toMatchObject({ current: { tries: 0 } });
  });

  test('the next server with a renderer of another size draws it anew', async () => {
    const before = await open();
    const id = await make(before);
    await until(before, id, 'ready');
    const other = greyRenderer('remote-2');
    const after = await open({ renderer: other });
    await until(after, id, 'ready');
    expect(await readdir(after.take(id).folder ?? '')).toContain('remote-2-64x64.idle');
  });
});

describe('replacing', () => {
  test('lets the old one serve until the new one is ready, and sessions keep the one they began with', async () => {
    let hold: Promise<void> = Promise.resolve();
    const avatars = await open({ renderer: greyRenderer('remote', () => hold) });
    const id = await make(avatars);
    await until(avatars, id, 'ready');
    const session = avatars.take(id);
    const gate = Promise.withResolvers<void>();
    hold = gate.promise;
    const answer = await avatars.replace(id, { name: 'Eve' }, await upload(avatars, 'b.png'));
    expect(answer).toMatchObject({ state: 'ready', name: 'Ada', replacement: { state: 'queued' } });
    await expect.poll(() => avatars.get(id).replacement?.state).toBe('building');
    expect(avatars.take(id).name).toBe('Ada');
    gate.resolve();
    await expect.poll(() => avatars.get(id).name).toBe('Eve');
    expect(avatars.get(id).replacement).toBeUndefined();
    expect(avatars.take(id).key).not.toBe(session.key);
    expect(await likenessOf(folder, session.key)).toBeDefined();
    expect(await versions(id)).toHaveLength(2);
  });

  test('by something that can not be made leaves the old one', async () => {
    const avatars = await open();
    const id = await make(avatars);
    await until(avatars, id, 'ready');
    const path = await avatars.incoming();
    await writeFile(path, '\x89PNG\r\n\x1a\nno more', 'latin1');
    await avatars.replace(id, { name: 'Eve' }, { path, kind: 'image' });
    await expect.poll(() => avatars.get(id).replacement).toMatchObject({ state: 'failed', reason: expect.any(String) as string });
    expect(avatars.take(id).name).toBe('Ada');
  });

  test('twice makes the last one only', async () => {
    const gate = Promise.withResolvers<void>();
    const avatars = await open({ renderer: greyRenderer('remote', () => gate.promise) });
    const id = await make(avatars);
    await until(avatars, id, 'building');
    await avatars.replace(id, { name: 'Second' }, await upload(avatars));
    await avatars.replace(id, { name: 'Third' }, await upload(avatars));
    gate.resolve();
    await until(avatars, id, 'ready');
    expect(avatars.get(id).name).toBe('Third');
    await expect.poll(() => versions(id)).toHaveLength(1);
  });

  test('or deleting one that comes with the server is refused', async () => {
    const avatars = await open();
    await expect(avatars.remove('nora')).rejects.toMatchObject({ code: 'conflict' });
    await expect(avatars.replace('nora', { name: 'Eve' }, await upload(avatars))).rejects.toMatchObject({ code: 'conflict' });
    await expect(avatars.remove('nobody')).rejects.toMatchObject({ code: 'avatar_not_found' });
  });
});

describe('deleting', () => {
  test('leaves it to the sessions that have it, and all of it goes with the last one', async () => {
    const avatars = await open();
    const id = await make(avatars);
    await until(avatars, id, 'ready');
    const [first, second] = [avatars.take(id), avatars.take(id)];
    await avatars.remove(id);
    expect(() => avatars.take(id)).toThrow(/There is no avatar/);
    expect(avatars.take(id, true).key).toBe(first.key);
    first.release();
    first.release();
    expect(await versions(id)).toHaveLength(1);
    expect(avatars.list().map((one) => one.id)).not.toContain(id);
    second.release();
    await avatars.close('test');
    // One is still held: the one that came back.
    expect(await store.all()).toHaveLength(1);
    const next = await open();
    next.sweep();
    await expect.poll(() => store.all()).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  test('waits for sessions that are asleep', async () => {
    let asleep = true;
    const avatars = await open({ isWanted: () => asleep });
    const id = await make(avatars);
    await until(avatars, id, 'ready');
    await avatars.remove(id);
    avatars.sweep();
    expect(avatars.take(id, true).id).toBe(id);
    asleep = false;
    const next = await open();
    next.sweep();
    await expect.poll(() => store.all()).toEqual([]);
  });

  test('while it is made stops that', async () => {
    const gate = Promise.withResolvers<void>();
    const avatars = await open({ renderer: greyRenderer('remote', () => gate.promise) });
    const id = await make(avatars);
    await until(avatars, id, 'building');
    await avatars.remove(id);
    gate.resolve();
    await expect.poll(() => store.all()).toEqual([]);
    await expect.poll(() => readdir(folder)).not.toContain(id);
  });
});
