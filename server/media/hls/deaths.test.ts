import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '#base/clock.ts';
import {
  decodes,
  discontinuities,
  gaps,
  nameOf,
  parse,
  published,
  RenditionStand,
  sequences,
  stream,
  until,
} from '#test/support/rendition.ts';

describe('HLS', () => {
  const stand = RenditionStand.use();

  it('goes on by itself when ffmpeg is killed, with a discontinuity, nothing missing and nothing refused', async () => {
    const rendition = stand.create();
    const before = sequences(parse(await rendition.playlist('a')));
    for (let death = 1; death <= 3; death += 1) {
      process.kill((await stand.pids()).at(-1) ?? NaN, 'SIGKILL');
      const atDeath = parse(await rendition.playlist('a'));
      expect(sequences(atDeath)[0]).toBe(before[0]);
      for (const { uri } of atDeath.segments) expect(rendition.file(nameOf(uri))).toBeDefined();
      await until(async () => expect(discontinuities(await rendition.playlist('a'))).toHaveLength(death));
    }
    expect(stand.stage.subscriptions).toBe(1);
    expect((await stand.metrics.ffmpegExits.get()).values).toMatchObject([{ value: 3, labels: { code: 'SIGKILL' } }]);
    const text = await rendition.playlist('a');
    expect(gaps(text)).toEqual([]);
    expect(discontinuities(text)).toEqual(['init_1.mp4', 'init_2.mp4', 'init_3.mp4']);
    for (const init of ['init_0.mp4', 'init_3.mp4']) await decodes(stream(rendition, text, init));
  });

  it('says so when ffmpeg dies again and again, tries it less and less often, and begins when it can', async () => {
    const dying = join(stand.folder, 'dying');
    await writeFile(dying, '#!/bin/sh\nexit 3\n');
    await chmod(dying, 0o755);
    const rendition = stand.create({ ffmpeg: dying });
    const troubles: string[] = [];
    rendition.on('trouble', ({ message }) => troubles.push(message));
    const message = expect.stringContaining('ffmpeg ended (3)') as string;
    await expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'hls_unavailable', message });
    await expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'hls_unavailable', message });
    const exits = async () => (await stand.metrics.ffmpegExits.get()).values[0]?.value;
    expect(await exits()).toBe(2);
    for (const [wait, count] of [250, 500, 1_000, 2_000].entries()) {
      await stand.clock.advance(count - 1);
      expect(await exits()).toBe(2 + wait);
      await stand.clock.advance(1);
      await until(async () => expect(await exits()).toBe(3 + wait));
      await sleep(20);
    }
    await writeFile(dying, await readFile(stand.ffmpeg));
    const begun = published(rendition, 1);
    await stand.clock.advance(4_000);
    await begun;
    expect(parse(await rendition.playlist('a')).segments[0]?.map?.uri).toContain('init_0.mp4');
    expect(troubles).toHaveLength(1);
  });
});

describe('HLS in real time', () => {
  const stand = RenditionStand.use(1);

  it('replaces an ffmpeg that is frozen, and loses nothing', { timeout: 60_000 }, async () => {
    const rendition = stand.create({ clock: systemClock });
    await rendition.playlist('a');
    const [pid = NaN] = await stand.pids();
    process.kill(pid, 'SIGSTOP');
    expect(parse(await rendition.playlist('a')).segments).toHaveLength(1);
    await until(async () => expect(discontinuities(await rendition.playlist('a'))).toEqual(['init_1.mp4']));
    await published(rendition, 6);
    expect(gaps(await rendition.playlist('a'))).toEqual([]);
    await decodes(stream(rendition, await rendition.playlist('a'), 'init_1.mp4'));
  });
});
