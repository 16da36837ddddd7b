import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import type { DrawnFrame, VideoFrame, Window } from '#base/media.ts';
import { avatars } from '#server/avatars/catalogue.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { buzz, collect, windowAt } from '#test/contract/renderer.contract.ts';
import { VIEW } from './portrait/look.ts';
import { MOUTH_BOX } from './portrait/mouth.ts';
import { portraitRenderer } from './portrait.ts';
import type { Renderer } from './renderer.ts';

const size = { width: 256, height: 256 };
const signal = new AbortController().signal;
let portrait: Renderer;
let idle: VideoFrame[];

beforeAll(async () => {
  portrait = await portraitRenderer({ avatars: avatars(), size, log: silentLog, clock: systemClock, metrics: createMetrics() });
  idle = await collect(portrait.idle('nora', signal));
});
afterAll(() => portrait.close('tests over'));

/** Edges of the mouth's box in a picture, widened to whole chroma pixels. */
function mouthBox({ width, height }: VideoFrame): { left: number; top: number; right: number; bottom: number } {
  const scale = height / VIEW.height;
  const x = (art: number): number => width / 2 + (art - VIEW.centre) * scale;
  const y = (art: number): number => (art - VIEW.top) * scale;
  const [down, up] = [(at: number) => 2 * Math.floor(at / 2), (at: number) => 2 * Math.ceil(at / 2)];
  const { x: left, y: top } = MOUTH_BOX;
  return { left: down(x(left)), top: down(y(top)), right: up(x(left + MOUTH_BOX.width)), bottom: up(y(top + MOUTH_BOX.height)) };
}

/** Pixels of brightness and colour in which two pictures differ, by where. */
function changed(a: VideoFrame, b: VideoFrame): { mouth: number; elsewhere: number } {
  const box = mouthBox(a);
  const count = { mouth: 0, elsewhere: 0 };
  const compare = (from: number, columns: number, rows: number, shrink: number): void => {
    for (let row = 0; row < rows; row += 1)
      for (let column = 0; column < columns; column += 1) {
        const at = from + row * columns + column;
        if (a.data[at] === b.data[at]) continue;
        const [x, y] = [column * shrink, row * shrink];
        count[x >= box.left && x < box.right && y >= box.top && y < box.bottom ? 'mouth' : 'elsewhere'] += 1;
      }
  };
  const { width, height } = a;
  compare(0, width, height, 1);
  for (const plane of [width * height, (width * height * 5) / 4]) compare(plane, width / 2, height / 2, 2);
  return count;
}

const render = (windows: AsyncIterable<Window>, idleFrame: number): Promise<DrawnFrame[]> =>
  collect(portrait.render(windows, { avatar: 'nora', idleFrame }, signal));

async function* quiet(frames: number): AsyncGenerator<Window, void, undefined> {
  await Promise.resolve();
  yield windowAt(portrait.geometry, 0, 0, frames, () => 0);
}

const idleAt = (frame: number): VideoFrame => {
  const picture = idle[frame % idle.length];
  if (!picture) throw new Error('no idle frame');
  return picture;
};

describe('the seam between idle and speech', () => {
  it.each([0, 40, 297])('moves nothing but the mouth when speech starts at idle frame %i', async (idleFrame) => {
    const frames = await render(buzz(portrait.geometry, 5), idleFrame);
    const changes = frames.map(({ frame, picture }) => changed(idleAt(idleFrame + frame), picture));
    expect(changes.map(({ elsewhere }) => elsewhere)).toEqual(frames.map(() => 0));
    expect(changes.slice(2).every(({ mouth }) => mouth > 40)).toBe(true);
  });

  it('is the idle loop itself while the voice is silent', async () => {
    for (const { frame, picture } of await render(quiet(4), 120)) {
      expect(changed(idleAt(120 + frame), picture)).toEqual({ mouth: 0, elsewhere: 0 });
    }
  });
});

describe('the portrait', () => {
  it('closes its mouth after the voice', async () => {
    const { geometry } = portrait;
    const windows = (async function* () {
      yield* buzz(geometry, 2);
      for (let index = 2; index < 6; index += 1)
        yield windowAt(geometry, index, index * geometry.freshFrames, geometry.freshFrames, () => 0);
    })();
    const frames = await render(windows, 0);
    const moved = frames.map(({ frame, picture }) => changed(idleAt(frame), picture).mouth);
    expect(Math.max(...moved)).toBeGreaterThan(40);
    expect(moved.slice(-4)).toEqual([0, 0, 0, 0]);
  });

  it('blinks and breathes while idle, for 12 s', () => {
    expect(idle).toHaveLength(300);
    expect(idle.slice(1).filter((picture, at) => changed(idleAt(at), picture).elsewhere > 0).length).toBeGreaterThan(290);
  });

  it('shows a different face for each avatar and serves them side by side', async () => {
    const faces = await Promise.all(
      avatars().map(({ id }) => collect(portrait.render(buzz(portrait.geometry, 2), { avatar: id, idleFrame: 0 }, signal))),
    );
    expect(faces.map((frames) => frames.length)).toEqual(faces.map(() => 8));
    const firsts = faces.map(([first]) => Buffer.from(first?.picture.data ?? []).toString('latin1'));
    expect(new Set(firsts).size).toBe(avatars().length);
  });

  it('names the avatars it has when asked for another', async () => {
    const nobody = collect(portrait.render(buzz(portrait.geometry, 1), { avatar: 'nobody', idleFrame: 0 }, signal));
    await expect(nobody).rejects.toMatchObject({
      code: 'avatar_not_found',
      message: expect.stringContaining('nora, theo') as string,
    });
  });

  it('draws other shapes of picture with the face in view', async () => {
    const wide = await portraitRenderer({
      avatars: avatars().slice(0, 1),
      size: { width: 320, height: 180 },
      log: silentLog,
      clock: systemClock,
      metrics: createMetrics(),
    });
    const [frame] = await collect(wide.render(buzz(wide.geometry, 1), { avatar: 'nora', idleFrame: 0 }, signal));
    await wide.close('test over');
    expect(frame?.picture).toMatchObject({ width: 320, height: 180 });
    expect(frame?.picture.data.length).toBe((320 * 180 * 3) / 2);
  });
});
