import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TICKS_PER_MS, TICKS_PER_SECOND } from '#base/media.ts';
import { decodes, EPOCH, nameOf, parse, published, RenditionStand, stream, until } from '#test/support/rendition.ts';

const stand = RenditionStand.use();

async function framesOf(input: Uint8Array): Promise<{ pts: number; flags: string }[]> {
  const args = ['-v', 'error', '-select_streams', 'v', '-show_entries', 'packet=pts,flags', '-of', 'json', '-i', 'pipe:0'];
  const { stdout } = await execa('ffprobe', args, { input });
  return (JSON.parse(stdout) as { packets: { pts: number; flags: string }[] }).packets;
}

describe('HlsRendition', () => {
  it('starts with the first request and serves what its playlist names', async () => {
    const rendition = stand.create();
    expect(stand.stage.subscriptions).toBe(0);
    const full = published(rendition, 9);
    const [first, second] = await Promise.all([rendition.playlist('a'), rendition.playlist('b')]);
    expect(stand.stage.subscriptions).toBe(1);
    expect(first.replaceAll('token=a', 'token=b')).toBe(second);
    expect(rendition.viewers).toBe(2);
    await full;

    const text = await rendition.playlist('a');
    const manifest = parse(text);
    expect(manifest.segments).toHaveLength(7);
    expect(manifest.segments.every(({ uri, map }) => uri.endsWith('?token=a') && map?.uri === 'init_0.mp4?token=a')).toBe(true);
    const media = stream(rendition, text, 'init_0.mp4');
    const init = rendition.file('init_0.mp4')?.data ?? new Uint8Array();
    const single = manifest.segments.map(({ uri }) => rendition.file(nameOf(uri))?.data ?? new Uint8Array());
    await rendition.close('seen enough');
    await decodes(media);
    const frames = await framesOf(media);
    frames.slice(1).forEach(({ pts }, at) => expect(pts - (frames[at]?.pts ?? 0)).toBe(1_920));
    expect(frames[0]?.pts).toBe(manifest.mediaSequence * TICKS_PER_SECOND);
    expect(manifest.segments[0]?.dateTimeObject?.getTime()).toBe(EPOCH + (frames[0]?.pts ?? 0) / TICKS_PER_MS);
    for (const segment of single) expect((await framesOf(Buffer.concat([init, segment])))[0]?.flags).toMatch(/^K/);
  });

  it('tells players what a file is', async () => {
    const rendition = stand.create();
    const [segment] = parse(await rendition.playlist('a')).segments;
    expect(rendition.file('init_0.mp4')?.type).toBe('video/mp4');
    expect(rendition.file(nameOf(segment?.uri))?.type).toBe('video/iso.segment');
  });

  it('tells of each segment once, and keeps no more than it needs', async () => {
    const rendition = stand.create();
    const told: { sequence: number; durationMs: number; uri: string }[] = [];
    rendition.on('segment', (segment) => told.push(segment));
    await rendition.playlist('a');
    await until(() => expect(told.length).toBeGreaterThanOrEqual(18));
    expect(told.map(({ sequence }) => sequence)).toEqual(told.map((_, at) => at));
    expect(told.every(({ durationMs, uri, sequence }) => durationMs === 1_000 && uri === `segment_${sequence}.m4s`)).toBe(true);
    const there = told.filter(({ uri }) => rendition.file(uri));
    expect(there).toEqual(told.slice(-16));
    expect((await stand.metrics.hlsSegmentsPublished.get()).values[0]?.value).toBe(told.length);
  });

  it('lingers, stops, and goes on counting when it is asked again', async () => {
    const rendition = stand.create({ lingerMs: 30_000 });
    const before = parse(await rendition.playlist('a'));
    await stand.clock.advance(29_000);
    rendition.file('init_0.mp4', 'a');
    await stand.clock.advance(29_000);
    expect(stand.stage.sinks).toBe(1);
    await stand.clock.advance(1_000);
    await until(async () => {
      expect(stand.stage.sinks).toBe(0);
      for (const pid of await stand.pids()) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    });
    expect(rendition.viewers).toBe(0);
    expect(rendition.file('init_0.mp4')).toBeUndefined();

    const after = await rendition.playlist('a');
    const manifest = parse(after);
    expect(stand.stage.subscriptions).toBe(2);
    expect(manifest.mediaSequence).toBeGreaterThanOrEqual(before.mediaSequence + before.segments.length);
    expect(manifest.segments[0]?.discontinuity).toBe(true);
    await decodes(stream(rendition, after, 'init_1.mp4'));
  });

  it('never names what it can not serve, over any number of stops', async () => {
    const rendition = stand.create({ lingerMs: 1_000 });
    let last = -1;
    for (let round = 0; round < 4; round++) {
      const text = await rendition.playlist('a');
      const { segments, mediaSequence } = parse(text);
      expect(mediaSequence).toBeGreaterThan(last);
      last = mediaSequence + segments.length - 1;
      for (const { uri, map } of segments) {
        expect(rendition.file(nameOf(uri))).toBeDefined();
        expect(rendition.file(nameOf(map?.uri))).toBeDefined();
      }
      await stand.clock.advance(1_000);
    }
    expect(stand.stage.subscriptions).toBe(4);
  });

  it('is on air from the start, and stays, when it always is', async () => {
    const rendition = stand.create({ mode: 'always', lingerMs: 1_000 });
    await published(rendition, 1);
    await rendition.playlist('a');
    await stand.clock.advance(60_000);
    expect(stand.stage.sinks).toBe(1);
    expect(await stand.pids()).toHaveLength(1);
  });

  it('ends its playlist, with all that was sent', async () => {
    const rendition = stand.create();
    await rendition.playlist('a');
    await Promise.all([rendition.finish(), rendition.finish()]);
    expect(stand.stage.sinks).toBe(0);
    const text = await rendition.playlist('a');
    expect(parse(text).endList).toBe(true);
    await decodes(stream(rendition, text, 'init_0.mp4'));
    await stand.clock.advance(60_000);
    expect(await rendition.playlist('a')).toBe(text);
    await rendition.close('test');
    await expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'session_closed' });
    expect(rendition.file('init_0.mp4')).toBeUndefined();
  });

  it('can be finished before it was ever asked', async () => {
    const rendition = stand.create();
    await rendition.finish();
    await expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'session_closed' });
    expect(stand.stage.subscriptions).toBe(0);
  });

  it('says that ffmpeg is missing, each time', async () => {
    const rendition = stand.create({ ffmpeg: join(stand.folder, 'nowhere') });
    for (let round = 0; round < 2; round++) {
      const message = expect.stringContaining('ffmpeg') as string;
      await expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'hls_unavailable', message });
    }
  });

  it('gives up after 5 s without a segment, and when the request is gone', async () => {
    const rendition = stand.create({ subscribe: () => () => undefined });
    const waiting = expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'hls_unavailable' });
    await stand.clock.advance(5_000);
    await waiting;
    const gone = new AbortController();
    const asking = expect(rendition.playlist('a', gone.signal)).rejects.toMatchObject({ name: 'AbortError' });
    gone.abort();
    await asking;
  });

  it('answers a waiting request when it is closed', async () => {
    const rendition = stand.create({ subscribe: () => () => undefined });
    const waiting = expect(rendition.playlist('a')).rejects.toMatchObject({ code: 'hls_unavailable' });
    await rendition.close('test');
    await waiting;
  });

  it('serves no other name, whatever it is', async () => {
    const rendition = stand.create();
    await rendition.playlist('a');
    const bad = [
      '',
      '.',
      '..',
      '../init_0.mp4',
      '..%2finit_0.mp4',
      '/etc/passwd',
      'init_0.mp4/',
      'init_0.mp4\n',
      'init_00.mp4',
      'init_0.m4s',
    ];
    const worse = [
      'init_٠.mp4',
      'INIT_0.mp4',
      'init_0.mp4\0',
      'init_-0.mp4',
      'init_0e0.mp4',
      'segment_0.mp4',
      '__proto__',
      'constructor',
    ];
    for (const name of [...bad, ...worse]) expect(rendition.file(name)).toBeUndefined();
    const near = fc.array(
      fc.constantFrom('init_', 'segment_', '0', '1', '.mp4', '.m4s', '..', '%2f', '/', '\\', '\u0660', '\0', ' '),
      { maxLength: 6 },
    );
    const any = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      near.map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(any, (name) => {
        if (rendition.file(name)) expect(name).toMatch(/^(init_\d|segment_\d)\.(mp4|m4s)$/);
      }),
      { numRuns: 1_000 },
    );
  });
});
