/** What this viewer measures of its media, by name; sent to the server as `client_stats`. */
export type Stats = Readonly<Record<string, number>>;

/** Counters of one moment, from which the next reading takes differences. */
export interface Reading {
  readonly atMs: number;
  readonly streams: Readonly<Record<string, RTCInboundRtpStreamStats>>;
  readonly output: OutputStats | undefined;
}

/** https://w3c.github.io/webrtc-stats/#playoutstats-dict*, which TypeScript doesn't know: the way from the jitter buffer to the ear. */
interface OutputStats {
  readonly type: string;
  /** Seconds, summed over all samples. */
  readonly totalPlayoutDelay?: number;
  readonly totalSamplesCount?: number;
}

/** mediasoup's probation stream: not media. */
export const PROBATION_SSRC = 1234;

export function read(report: RTCStatsReport, atMs: number): Reading {
  const streams: Record<string, RTCInboundRtpStreamStats> = {};
  let output: OutputStats | undefined;
  report.forEach((stats: RTCInboundRtpStreamStats | OutputStats) => {
    if ('ssrc' in stats && stats.type === 'inbound-rtp' && stats.ssrc !== PROBATION_SSRC) streams[stats.kind] = stats;
    else if (stats.type === 'media-playout') output = stats;
  });
  return { atMs, streams, output };
}

/** Pictures decoded so far: the proof that WebRTC works, also in a tab nobody looks at. */
export const framesDecoded = ({ streams }: Reading): number => streams['video']?.framesDecoded ?? 0;

/** Packets received so far, of sound and picture. */
export const packetsReceived = ({ streams }: Reading): number =>
  Object.values(streams).reduce((sum, stream) => sum + (stream.packetsReceived ?? 0), 0);

/** Samples at 48 kHz that the jitter buffer has added to the sound so far, less those it took out: stretched, shortened and made up. */
export function samplesAdded({ streams: { audio } }: Reading): number {
  const { concealedSamples = 0, insertedSamplesForDeceleration = 0, removedSamplesForAcceleration = 0 } = audio ?? {};
  return concealedSamples + insertedSamplesForDeceleration - removedSamplesForAcceleration;
}

/** Rates and means between two readings: kbit/s, per cent, ms and counts, as the names say. */
export function compare(before: Reading, now: Reading): Stats {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1_000);
  const stats: Record<string, number> = {};
  for (const [kind, stream] of Object.entries(now.streams)) {
    const grown = (name: keyof RTCInboundRtpStreamStats) => Number(stream[name] ?? 0) - Number(before.streams[kind]?.[name] ?? 0);
    const received = grown('packetsReceived');
    const lost = Math.max(0, grown('packetsLost'));
    stats[`${kind}_kbps`] = (grown('bytesReceived') * 8) / 1_000 / seconds;
    stats[`${kind}_loss_percent`] = received + lost > 0 ? (100 * lost) / (received + lost) : 0;
    stats[`${kind}_jitter_ms`] = (stream.jitter ?? 0) * 1_000;
    stats[`${kind}_buffer_ms`] = (1_000 * grown('jitterBufferDelay')) / Math.max(1, grown('jitterBufferEmittedCount'));
    if (kind === 'video') {
      stats['fps'] = grown('framesDecoded') / seconds;
      stats['frames_dropped'] = grown('framesDropped');
      stats['freezes'] = grown('freezeCount');
    } else {
      stats['concealed_percent'] = (100 * grown('concealedSamples')) / Math.max(1, grown('totalSamplesReceived'));
    }
  }
  const output = outputMs(before, now);
  if (output !== undefined) stats['output_ms'] = output;
  return Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, Math.round(value * 100) / 100]));
}

/** From the jitter buffer to the ear, ms, between two readings; undefined where the browser doesn't say, or nothing was played. */
export function outputMs(before: Reading, now: Reading): number | undefined {
  const samples = (now.output?.totalSamplesCount ?? 0) - (before.output?.totalSamplesCount ?? 0);
  const delay = (now.output?.totalPlayoutDelay ?? 0) - (before.output?.totalPlayoutDelay ?? 0);
  return samples > 0 ? (1_000 * delay) / samples : undefined;
}
