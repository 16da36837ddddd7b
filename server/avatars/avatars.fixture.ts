import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VirtualClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { FPS, i420Bytes, type VideoFrame } from '#base/media.ts';
import type { Renderer } from '#server/render/renderer.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { clip, picture } from './uploads.fixture.ts';
import { Avatars, type Upload } from './avatars.ts';
import type { Face } from './face.ts';
import { IdleLoops } from './idle-loops.ts';
import { MemoryStore } from './memory-store.ts';
import { homeOf } from './store.ts';

const SIZE = { width: 64, height: 64 };
const SECOND = Array.from({ length: FPS }, (_, frame): VideoFrame => ({
  ...SIZE,
  data: new Uint8Array(i420Bytes(SIZE)).fill(frame),
}));

/** Draws a second of grey for any avatar; `idle` says what else happens first. */
export function greyRenderer(name: string, idle: () => Promise<void> = async () => undefined): Renderer {
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

/** What sessions and the disk would say. */
export interface Given {
  readonly renderer?: Renderer;
  readonly greet?: (face: Face) => Promise<void>;
  readonly isWanted?: () => boolean;
  readonly max?: number;
}

/** Servers, one after the other or at once, over one folder and one store. */
export class Place {
  readonly folder: string;
  readonly store = new MemoryStore();
  readonly clock = new VirtualClock();
  readonly #files: string;
  readonly #opened: Avatars[] = [];

  private constructor(folder: string, files: string) {
    this.folder = folder;
    this.#files = files;
  }

  static async make(): Promise<Place> {
    const files = await mkdtemp(join(tmpdir(), 'uploads-'));
    await Promise.all([picture(files, 'a.png'), picture(files, 'b.png', '300x300'), clip(files, 'a.mp4', 2)]);
    return new Place(await mkdtemp(join(tmpdir(), 'avatars-')), files);
  }

  async open(given: Given = {}): Promise<Avatars> {
    const { renderer = greyRenderer('remote'), greet = async () => undefined, isWanted = () => false, max = 10 } = given;
    const { folder, store, clock } = this;
    const idleLoops = new IdleLoops({ renderer, folder, home: (key) => homeOf(folder, key), log: silentLog });
    const avatars = await Avatars.open({
      renderer: renderer.name,
      folder,
      store,
      engineOf: () => ({ renderer, idleLoops }),
      hasOneFace: async () => true,
      greet,
      forget: (key) => idleLoops.drop(key),
      isWanted,
      max,
      speaksBuiltIn: true,
      clock,
      log: silentLog,
      metrics: createMetrics(),
    });
    this.#opened.push(avatars);
    return avatars;
  }

  async upload(avatars: Avatars, name = 'a.png'): Promise<Upload> {
    const path = await avatars.incoming();
    await copyFile(join(this.#files, name), path);
    return { path, kind: name.endsWith('.mp4') ? 'clip' : 'image' };
  }

  /** The id of one that is being made. */
  async create(avatars: Avatars, name?: string, fields = {}): Promise<string> {
    return (await avatars.create({ name: 'Ada', ...fields }, await this.upload(avatars, name))).id;
  }

  versions(id: string): Promise<string[]> {
    return readdir(join(this.folder, id));
  }

  async close(): Promise<void> {
    for (const avatars of this.#opened) await avatars.close('test over');
    await rm(this.folder, { recursive: true });
    await rm(this.#files, { recursive: true });
  }
}
