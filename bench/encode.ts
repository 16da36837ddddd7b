import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { execa } from 'execa';
import { sleep, systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { FPS, type AvFrame, type Size, type VideoFrame } from '#base/media.ts';
import { avatars } from '#server/avatars/catalogue.ts';
import { portraitRenderer } from '#server/render/portrait.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { say } from '#server/speech/speak.ts';
import { fliteTts } from '#server/tts/flite.ts';
import { children } from '#test/support/processes.ts';
import { cpuSeconds, round, threadSeconds, type BenchResult } from './bench.ts';

const SIZE: Size = { width: 512, height: 512 };
const TEXT =
  'Once upon a time there was a small robot that lived in a lighthouse. Each evening it lit the lamp, and each morning it counted the ships that had come home. One night the fog was so thick that nobody could see the light. So the robot began to sing, and it sang until the morning came. All the ships followed its voice, and not one of them was lost.';
const MEASURE_MS = 15_000;
/** Encoding has settled, and every process is up, so long after speech began. */
const SETTLE_MS = 1_500;
/** A server speaks for days: by then it has compiled what it runs often, which costs a stage half as much again in its first ten seconds. */
const WARM_MS = 25_000;
/** As server/media/encoder.ts sets it; a keyframe each second, as HLS has it. */
const X264 =
  '-c:v libx264 -preset superfast -tune zerolatency -profile:v baseline -threads 1 -b:v 800k -maxrate 800k -bufsize 400k -x264-params keyint=25:min-keyint=25:scenecut=0:level=31:sliced-threads=0'.split(
    ' ',
  );

/** A talking stage with WebRTC and HLS on air against a lone ffmpeg that encodes the same pictures. */
export async function run(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'encode-'));
  try {
    const clip = await record(folder);
    const webrtc = await stage(clip, false);
    const both = await stage(clip, true);
    const lone = await ffmpeg(clip, [...X264, '-an', '-f', 'null', '-']);
    const same = await ffmpeg(clip, [
      ...[
        '-map',
        '0:v',
        '-map',
        '1:a',
        '-map',
        '1:a',
        ...X264,
        '-c:a:0',
        'libopus',
        '-b:a:0',
        '64k',
        '-c:a:1',
        'aac',
        '-b:a:1',
        '96k',
      ],
      ...['-flags', '+global_header', '-f', 'tee', outputs(join(folder, 'same.m3u8'))],
    ]);
    const row = (what: string, { server, threads, packager, encodes }: Cost) => ({
      what,
      'server %': round(server * 100),
      'of that x264 / main thread / garbage and compiling %': threads.map((share) => String(round(share * 100))).join(' / '),
      'HLS ffmpeg %': round(packager * 100),
      'total %': round((server + packager) * 100),
      'encodes per picture': encodes,
      ': lone ffmpeg': round((server + packager) / lone, 2),
    });
    const alone = (share: number): Cost => ({ server: share, threads: [], packager: 0, encodes: 1 });
    return {
      what: `CPU while speaking, % of one core, ${String(SIZE.width)}²@25 at 800 kbit/s, ${String(WARM_MS / 1_000)} s after it began, the same drawn pictures and sound from files: a stage with its playout, encoder, Opus, RTP and HLS packager (what the SFU worker takes for its viewers left out) against ffmpeg.`,
      goal: 'stage with WebRTC and HLS : lone ffmpeg encode of the same pictures ≤ 1.15; one encode per picture',
      met: (both.server + both.packager) / lone <= 1.15 && both.encodes === 1,
      rows: [
        row('stage, WebRTC', webrtc),
        row('stage, WebRTC and HLS', both),
        row('ffmpeg, pictures only', alone(lone)),
        row('ffmpeg, the same outputs: Opus and pictures by RTP, AAC and pictures into HLS', alone(same)),
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** RTP to ports where nobody listens, and HLS. */
const outputs = (playlist: string): string =>
  [
    '[select=v:f=rtp]rtp://127.0.0.1:9',
    "[select='a:0':f=rtp]rtp://127.0.0.1:11",
    `[select='v,a:1':f=hls:hls_time=1]${playlist}`,
  ].join('|');

interface Clip {
  readonly pictures: string;
  readonly sound: string;
}

interface Cost {
  /** Shares of one core. */
  readonly server: number;
  readonly threads: readonly number[];
  readonly packager: number;
  readonly encodes: number;
}

/** Draws what the default avatar says, into two files. */
async function record(folder: string): Promise<Clip> {
  const renderer = await portraitRenderer({
    avatars: avatars(),
    size: SIZE,
    log: silentLog,
    clock: systemClock,
    metrics: createMetrics(),
  });
  const [pictures, sound] = [join(folder, 'pictures.yuv'), join(folder, 'sound.pcm')];
  const files = { pictures: createWriteStream(pictures), sound: createWriteStream(sound) };
  const voices = {
    llm: { name: 'none', complete: () => nothing() },
    tts: fliteTts({ log: silentLog }),
    renderer,
    clock: systemClock,
  };
  const { frames } = say(TEXT, voices, {
    voice: { voice: avatars()[0]?.voice, language: 'en' },
    request: { avatar: avatars()[0]?.id ?? '', idleFrame: 0 },
    signal: new AbortController().signal,
    mark: () => undefined,
    renderFailed: (error) => {
      throw error;
    },
  });
  let count = 0;
  for await (const frame of frames) {
    const picture = await drawn(frame);
    files.pictures.write(picture.data);
    files.sound.write(Buffer.from(frame.sound.buffer, frame.sound.byteOffset, frame.sound.byteLength));
    count += 1;
  }
  for (const file of Object.values(files)) await finished(file.end());
  await renderer.close('recorded');
  if (count < ((SETTLE_MS + MEASURE_MS) / 1_000) * FPS) throw new Error(`only ${String(count)} pictures to speak`);
  return { pictures, sound };
}

/** A frame is given out as soon as its sound is known; its picture comes later. */
async function drawn(frame: AvFrame): Promise<VideoFrame> {
  for (const started = performance.now(); performance.now() - started < 10_000; await sleep(systemClock, 5)) {
    if (frame.picture) return frame.picture;
  }
  throw new Error(`picture ${String(frame.frame)} was not drawn`);
}

async function* nothing(): AsyncGenerator<string> {}

async function stage({ pictures, sound }: Clip, hls: boolean): Promise<Cost> {
  const spoken = ((WARM_MS + MEASURE_MS) / 1_000) * FPS + FPS;
  const args = ['bench/stage-alone.ts', pictures, sound, String(SIZE.width), String(SIZE.height), String(spoken)];
  const child = execa(process.execPath, [...args, ...(hls ? ['hls'] : [])], { stdin: 'ignore' });
  await once(child.stdout, 'data');
  const pid = child.pid ?? 0;
  const [server, packager, ...threads] = await cpuShares(WARM_MS, () => [
    cpuSeconds(pid),
    children(pid, 'ffmpeg').reduce((sum, one) => sum + cpuSeconds(one), 0),
    // Encodes are all that is asked of libuv's threads while the avatar speaks.
    ...['libuv-worker', 'MainThread', 'V8Worker'].map((name) => threadSeconds(pid, name)),
  ]);
  const { stdout } = await child;
  const { encoded } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { encoded: number };
  return { server: server ?? 0, threads, packager: packager ?? 0, encodes: round(encoded / spoken, 2) };
}

/** As fast as it is on air, so that caches are as cold. */
async function ffmpeg({ pictures, sound }: Clip, output: readonly string[]): Promise<number> {
  const video = [
    '-re',
    '-f',
    'rawvideo',
    '-pix_fmt',
    'yuv420p',
    '-s',
    `${String(SIZE.width)}x${String(SIZE.height)}`,
    '-r',
    String(FPS),
  ];
  const audio = ['-f', 's16le', '-ar', '48000', '-ac', '1'];
  const child = execa('ffmpeg', ['-v', 'error', '-nostdin', ...video, '-i', pictures, ...audio, '-i', sound, ...output], {
    reject: false,
    forceKillAfterDelay: 1_000,
  });
  const [share] = await cpuShares(SETTLE_MS, () => [cpuSeconds(child.pid ?? 0)]);
  child.kill();
  await child;
  return share ?? 0;
}

async function cpuShares(settleMs: number, used: () => number[]): Promise<number[]> {
  await sleep(systemClock, settleMs);
  const [before, started] = [used(), performance.now()];
  await sleep(systemClock, MEASURE_MS);
  const [after, seconds] = [used(), (performance.now() - started) / 1_000];
  return after.map((value, index) => (value - (before[index] ?? 0)) / seconds);
}
