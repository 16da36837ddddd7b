import { expect, it } from 'vitest';
import { compare, framesDecoded, read } from './stats.ts';

const report = (...streams: object[]) => new Map(streams.map((stream, at) => [String(at), stream])) as unknown as RTCStatsReport;
const video = (grown: object) => ({ type: 'inbound-rtp', kind: 'video', ssrc: 7, ...grown });

it('tells rates and losses between two readings', () => {
  const before = read(report(video({ bytesReceived: 0, packetsReceived: 0, packetsLost: 0, framesDecoded: 0 })), 1_000);
  const now = read(
    report(video({ bytesReceived: 500_000, packetsReceived: 95, packetsLost: 5, framesDecoded: 125, jitter: 0.004 })),
    6_000,
  );
  expect(compare(before, now)).toMatchObject({ video_kbps: 800, video_loss_percent: 5, video_jitter_ms: 4, fps: 25 });
});

it("leaves out mediasoup's probation stream and what is not received media", () => {
  const reading = read(report(video({ ssrc: 1234, framesDecoded: 9 }), { type: 'candidate-pair' }), 0);
  expect(framesDecoded(reading)).toBe(0);
  expect(compare(reading, { ...reading, atMs: 5_000 })).toEqual({});
});
