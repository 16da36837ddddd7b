import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

const LATENCY_MS = [5, 10, 20, 50, 100, 200, 350, 500, 750, 1_000, 1_500, 2_500, 5_000, 10_000];
/** Fine around what is promised. */
const BARGE_IN_MS = [20, 40, 60, 80, 90, 100, 110, 120, 130, 140, 150, 160, 180, 200, 250, 350, 500, 1_000, 2_500];

/** Every metric the server publishes; names are fixed by the interface. One instance per server, so that tests don't share counts. */
export function createMetrics() {
  const registers = [new Registry()];
  const registry = registers[0] as Registry;
  collectDefaultMetrics({ register: registry });
  /** Each tells sound minus picture at its stage's middle viewer, ms, where somebody has said. */
  const reportedOffsets = new Set<() => number | undefined>();
  /** Each tells how much work waits in a queue of the bus. */
  const waitingWork = new Set<() => Promise<number>>();
  return {
    registry,
    reportedOffsets,
    waitingWork,
    turnStageMs: new Histogram({
      name: 'turn_stage_ms',
      help: 'ms from the prompt, or from the last voiced frame of a turn that was spoken, to each stage of a turn',
      labelNames: ['stage'],
      buckets: LATENCY_MS,
      registers,
    }),
    turnToFirstFrameMs: new Histogram({
      name: 'turn_to_first_frame_ms',
      help: 'ms from the prompt, or from the last voiced frame of a turn that was spoken, to the first spoken frame on air',
      buckets: LATENCY_MS,
      registers,
    }),
    playoutLateFrames: new Counter({
      name: 'playout_late_frames_total',
      help: 'pictures that were drawn too late and dropped',
      registers,
    }),
    playoutStalls: new Counter({ name: 'playout_stalls_total', help: 'times speech ran dry inside a clause', registers }),
    avOffsetMs: new Gauge({
      name: 'av_offset_ms',
      help: 'sound minus picture as viewers hear and see it, ms: of the middle viewer of the middle stage; NaN while none has said',
      registers,
      collect() {
        const offsets = [...reportedOffsets].flatMap((offset) => offset() ?? []).sort((a, b) => a - b);
        this.set(offsets[offsets.length >> 1] ?? Number.NaN);
      },
    }),
    handOverOffsetMs: new Gauge({
      name: 'hand_over_offset_ms',
      help: 'sound minus picture as handed over, ms, the lead left out: below zero when pictures are late',
      registers,
    }),
    bargeInMs: new Histogram({
      name: 'barge_in_ms',
      help: "ms from the host's first voice (or the interrupt, where nobody spoke) until the packet in which the interrupted utterance fades out is sent",
      buckets: BARGE_IN_MS,
      registers,
    }),
    seamError: new Histogram({
      name: 'seam_error',
      help: 'picture difference at a switch, relative to the usual frame-to-frame difference',
      labelNames: ['seam'],
      buckets: [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5, 10],
      registers,
    }),
    renderQueueDepth: new Gauge({
      name: 'render_queue_depth',
      help: 'leases waiting for a GPU worker; NaN while the bus does not say',
      registers,
      async collect() {
        const counts = await Promise.all([...waitingWork].map((count) => count().catch(() => Number.NaN)));
        this.set(counts.reduce((sum, count) => sum + count, 0));
      },
    }),
    busCallMs: new Histogram({
      name: 'bus_call_ms',
      help: 'ms per call of the Redis bus, waiting for a lost connection included',
      labelNames: ['call', 'outcome'],
      buckets: LATENCY_MS,
      registers,
    }),
    renderWindowMs: new Histogram({
      name: 'render_window_ms',
      help: 'ms to draw one window',
      labelNames: ['renderer'],
      buckets: LATENCY_MS,
      registers,
    }),
    hlsSegmentsPublished: new Counter({ name: 'hls_segments_published_total', help: 'HLS segments published', registers }),
    ffmpegExits: new Counter({ name: 'ffmpeg_exits_total', help: 'ffmpeg children that ended', labelNames: ['code'], registers }),
    sfuWorkerRestarts: new Counter({
      name: 'sfu_worker_restarts_total',
      help: 'mediasoup workers started again after a death',
      registers,
    }),
    viewers: new Gauge({ name: 'viewers', help: 'viewers now', labelNames: ['kind'], registers }),
    sessions: new Gauge({ name: 'sessions', help: 'sessions now', labelNames: ['state'], registers }),
    httpRequestMs: new Histogram({
      name: 'http_request_ms',
      help: 'ms per HTTP request',
      labelNames: ['method', 'route', 'status'],
      buckets: LATENCY_MS,
      registers,
    }),
    socketEventMs: new Histogram({
      name: 'socket_event_ms',
      help: 'ms per socket event',
      labelNames: ['event', 'outcome'],
      buckets: LATENCY_MS,
      registers,
    }),
    providerErrors: new Counter({
      name: 'provider_errors_total',
      help: 'errors of LLM, TTS and STT providers',
      labelNames: ['provider', 'kind'],
      registers,
    }),
    providerUsage: new Counter({
      name: 'provider_usage_total',
      help: 'tokens, characters and seconds of sound that providers were given and gave',
      labelNames: ['provider', 'kind'],
      registers,
    }),
    providerCost: new Counter({
      name: 'provider_cost_usd_total',
      help: 'what that costs, where prices are configured',
      labelNames: ['provider'],
      registers,
    }),
    historyWriteMs: new Histogram({
      name: 'history_write_ms',
      help: 'ms until a session or a turn is on disk',
      buckets: LATENCY_MS,
      registers,
    }),
    historyErrors: new Counter({
      name: 'history_errors_total',
      help: 'writes of sessions and turns that failed; each is tried again',
      labelNames: ['kind'],
      registers,
    }),
    avatars: new Gauge({ name: 'avatars', help: 'avatars now', labelNames: ['state'], registers }),
    avatarBuildMs: new Histogram({
      name: 'avatar_build_ms',
      help: 'ms of one try to make an avatar',
      labelNames: ['outcome'],
      buckets: [500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000],
      registers,
    }),
    phrases: new Counter({
      name: 'phrases_total',
      help: 'utterances that were said from the phrase cache, and those that were recorded for it',
      labelNames: ['outcome'],
      registers,
    }),
    microphones: new Gauge({ name: 'microphones', help: 'microphones that are on', registers }),
    microphoneMs: new Counter({
      name: 'microphone_ms_total',
      help: 'ms of microphones: heard, silence (nothing was sent because nothing was said), concealed (lost)',
      labelNames: ['kind'],
      registers,
    }),
    earBehindMs: new Histogram({
      name: 'ear_behind_ms',
      help: "ms from a microphone frame's last sample until it is known whether it is speech",
      buckets: LATENCY_MS,
      registers,
    }),
    rateLimited: new Counter({
      name: 'rate_limited_total',
      help: 'requests and events refused by a rate limit',
      labelNames: ['kind'],
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
