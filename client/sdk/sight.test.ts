import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IMAGE } from '#protocol/http.ts';
import { ClientError } from './errors.ts';
import { Sight, type SightWay } from './sight.ts';
import type { Signalling } from './signalling.ts';

/** A camera and a screen as browsers give them, with pictures whose JPEG has so many bytes at full quality. */
function browserWith({ bytes = 1_000, getUserMedia = () => Promise.resolve(streamOf()) } = {}) {
  const sides: number[] = [];
  vi.stubGlobal('navigator', { mediaDevices: { getUserMedia, getDisplayMedia: () => Promise.resolve(streamOf()) } });
  vi.stubGlobal('document', {
    createElement: () => {
      const video = Object.assign(new EventTarget(), { videoWidth: 1_920, videoHeight: 1_080, play: () => Promise.resolve() });
      setTimeout(() => video.dispatchEvent(new Event('loadeddata')));
      return video;
    },
  });
  class Canvas {
    readonly width: number;

    constructor(width: number) {
      this.width = width;
    }

    getContext() {
      return { drawImage: () => undefined };
    }

    async convertToBlob({ quality }: { quality: number }): Promise<Blob> {
      sides.push(this.width);
      return new Blob([new Uint8Array(bytes * quality)], { type: 'image/jpeg' });
    }
  }
  vi.stubGlobal('OffscreenCanvas', Canvas);
  return sides;
}

const tracks: (EventTarget & { stopped: boolean })[] = [];
function streamOf(): MediaStream {
  const track = Object.assign(new EventTarget(), { stopped: false, stop: () => void (track.stopped = true) });
  tracks.push(track);
  return { getTracks: () => [track], getVideoTracks: () => [track] } as unknown as MediaStream;
}

/** A server that notes what it is told and sent. */
function server({ send = () => Promise.resolve({ imageId: 'image-id-1', width: 1, height: 1 }) } = {}) {
  const told: unknown[] = [];
  const sent: Blob[] = [];
  const request = (_name: string, body: unknown) => Promise.resolve(void told.push(body));
  const signalling = { request } as unknown as Signalling;
  const way: SightWay = { signalling, send: (image) => (sent.push(image), send()) };
  return { told, sent, way };
}

let sight: Sight;
beforeEach(() => {
  sight = new Sight();
  tracks.length = 0;
});
afterEach(() => {
  sight.close();
  vi.unstubAllGlobals();
});

test('there is something to offer once the server says that its model sees, and an image to send once it is on', async () => {
  const sides = browserWith();
  const { told, sent, way } = server();
  expect(sight.state.sources).toEqual([]);
  sight.joined(way, { mayShow: true, isNew: true });
  expect(sight.state.sources).toEqual(['camera', 'screen']);
  expect([await sight.show(), sent.length]).toEqual([undefined, 0]);
  await sight.start('camera');
  expect(sight.state).toMatchObject({ status: 'on', source: 'camera', sent: 0 });
  expect(await sight.show()).toBe('image-id-1');
  await sight.start('screen');
  expect(tracks[0]?.stopped).toBe(true);
  expect(await sight.show()).toBe('image-id-1');
  expect(sides).toEqual([1_024, 1_280]);
  // Another connection has to be told again, the same one has not.
  sight.joined(way, { mayShow: true, isNew: false });
  sight.joined(way, { mayShow: true, isNew: true });
  sight.stop();
  expect(told).toEqual([{ on: true }, { on: false }, { on: true }, { on: true }, { on: false }]);
  expect(sight.state).toMatchObject({ status: 'off', problem: undefined, stream: undefined });
  expect(tracks[1]?.stopped).toBe(true);
});

test('an image is made smaller until the server takes it', async () => {
  const sides = browserWith({ bytes: IMAGE.bytes * 1.5 });
  const { sent, way } = server();
  sight.joined(way, { mayShow: true, isNew: true });
  await sight.start('camera');
  await sight.show();
  expect(sides).toEqual([1_024, 1_024]);
  expect(sent[0]?.size).toBeLessThanOrEqual(IMAGE.bytes);
  vi.unstubAllGlobals();
  browserWith({ bytes: IMAGE.bytes * 9 });
  expect([await sight.show(), sight.state.problem]).toEqual([undefined, 'not_sent']);
});

test('a turn whose image is not seen says so: it stays on where it came too late, and is turned off where the model takes none', async () => {
  browserWith();
  const { way } = server();
  sight.joined(way, { mayShow: true, isNew: true });
  await sight.start('camera');
  sight.told(undefined);
  sight.told('missed');
  expect(sight.state).toMatchObject({ status: 'on', problem: 'missed' });
  await sight.show();
  expect(sight.state.problem).toBeUndefined();
  sight.told('refused');
  expect(sight.state).toMatchObject({ status: 'off', problem: 'refused' });
  expect(tracks[0]?.stopped).toBe(true);
  // Of a turn of another client's.
  sight.told('missed');
  expect(sight.state.problem).toBe('refused');
});

test('what can not be sent keeps no prompt back', async () => {
  browserWith();
  const { way } = server({ send: () => Promise.reject(new ClientError('rate_limited', 'slow down')) });
  sight.joined(way, { mayShow: true, isNew: true });
  await sight.start('camera');
  expect(await sight.show()).toBeUndefined();
  expect(sight.state).toMatchObject({ status: 'on', problem: 'not_sent' });
});

test.each([
  ['NotAllowedError', 'denied'],
  ['NotFoundError', 'no_device'],
  ['NotReadableError', 'busy'],
])('a browser that says %s has refused, in a word for programs', async (name, problem) => {
  browserWith({ getUserMedia: () => Promise.reject(new DOMException('no', name)) });
  await sight.start('camera');
  expect(sight.state).toMatchObject({ status: 'off', problem, wanted: 'camera', source: undefined });
});

test('what is ended beside the page is off; and what was stopped while the browser asked never begins', async () => {
  browserWith();
  const { way } = server();
  sight.joined(way, { mayShow: true, isNew: true });
  await sight.start('screen');
  tracks[0]?.dispatchEvent(new Event('ended'));
  expect(sight.state).toMatchObject({ status: 'off', problem: undefined });
  await sight.start('camera');
  tracks[1]?.dispatchEvent(new Event('ended'));
  expect(sight.state).toMatchObject({ status: 'off', problem: 'unplugged' });
  const starting = sight.start('camera');
  sight.stop();
  await starting;
  expect([sight.state.status, tracks[2]?.stopped]).toEqual(['off', true]);
});
