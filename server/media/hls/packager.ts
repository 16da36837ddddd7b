import { execa, type ResultPromise } from 'execa';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import { TICKS_PER_SECOND, type Packet, type Size } from '#base/media.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import { NAL, joinNals, nalType, splitNals } from '../annex-b.ts';
import type { PacketSink } from '../types.ts';
import { BoxSplitter, spanOf } from './mp4.ts';
import { NutFrames, nutHeader } from './nut.ts';

/** What comes out: the initialisation section first and once, then a fragment for each group of pictures. */
export type Packaged =
  | { readonly kind: 'init'; readonly data: Uint8Array }
  /** `ticks`: stage time of the first picture. */
  | { readonly kind: 'fragment'; readonly data: Uint8Array; readonly ticks: number; readonly durationTicks: number };

export interface PackagerOptions {
  readonly size: Size;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The program to run. */
  readonly ffmpeg?: string;
}

/** What may wait for ffmpeg: some 20 s of media. Beyond it, ffmpeg hangs, and pictures are skipped up to the next IDR. */
const MAX_BACKLOG = 4 * 2 ** 20;
/** The voice is handed over before its picture: sound kept back until the first IDR shows which of it belongs to it. */
const MAX_EARLY_SOUND = 50;
const VIDEO_TRACK = 1;
const KILL_AFTER_MS = 1_000;

/** One run of ffmpeg: the stage's packets in, fragments of MP4 out; pictures are copied, sound becomes AAC. Timestamps stay stage time. */
export class HlsPackager implements PacketSink {
  readonly #life = new Lifetime();
  readonly #child: Child;
  readonly #options: PackagerOptions;
  #early: Packet[] = [];
  #headed = false;
  #flowing = false;
  readonly #nut = new NutFrames();
  #ending = false;

  private constructor(child: Child, options: PackagerOptions) {
    this.#child = child;
    this.#options = options;
  }

  /** Throws AvatarError `hls_unavailable` when ffmpeg can't be started. */
  static async start(options: PackagerOptions): Promise<HlsPackager> {
    const child = spawn(options.ffmpeg ?? 'ffmpeg');
    if (child.pid === undefined) {
      const cause = await child;
      throw new AvatarError(
        'hls_unavailable',
        'HLS needs ffmpeg, which could not be started on this server. WebRTC works without it.',
        { cause },
      );
    }
    const packager = new HlsPackager(child, options);
    packager.#life.defer(() => packager.#terminate());
    // What can't be written any more is reported by ffmpeg's exit.
    child.stdin.on('error', () => undefined);
    void packager.#report();
    void packager.#count();
    return packager;
  }

  /** Of the process, for whoever looks after processes. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Starts at the first IDR; what comes before is skipped, except the sound that belongs to it or later. */
  write(packet: Packet): void {
    if (this.#ending) return;
    if (this.#child.stdin.writableLength > MAX_BACKLOG) this.#stall();
    else if (this.#flowing) this.#send(packet);
    else if (packet.kind === 'audio') this.#early = [...this.#early, packet].slice(-MAX_EARLY_SOUND);
    else if (packet.keyframe) this.#flow(packet);
  }

  /** No more packets: ffmpeg writes what it still has and exits. */
  end(): void {
    this.#ending = true;
    this.#child.stdin.end();
  }

  /**
   * What ffmpeg makes, as it makes it; read it once. Ends after `end` or `close`.
   * Throws AvatarError `hls_unavailable` when ffmpeg dies or writes something else than MP4.
   */
  async *packaged(): AsyncGenerator<Packaged, void, undefined> {
    const splitter = new BoxSplitter();
    let head: Uint8Array | undefined;
    for await (const chunk of this.#child.stdout as AsyncIterable<Buffer>) {
      for (const { type, data } of splitter.push(chunk)) {
        if (type === 'ftyp' || type === 'moof') head = data;
        else if (type === 'moov' && head) yield { kind: 'init', data: Buffer.concat([head, data]) };
        else if (type === 'mdat' && head) {
          const span = spanOf(head, VIDEO_TRACK);
          if (span)
            yield { kind: 'fragment', data: Buffer.concat([head, data]), ticks: span.start, durationTicks: span.duration };
        }
      }
    }
    const result = await this.#child;
    if (!this.#ending) {
      const how = String(result.exitCode ?? result.signal ?? 'unknown');
      throw new AvatarError(
        'hls_unavailable',
        `ffmpeg ended (${how}) while it made the HLS stream. It is started anew; ask again.`,
        {
          cause: result,
        },
      );
    }
  }

  /** Ends ffmpeg at once; a process that is stopped (SIGSTOP) hears nothing else. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Idempotent; resolves once ffmpeg is gone. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #flow(idr: Packet): void {
    if (!this.#headed) this.#child.stdin.write(nutHeader(this.#options.size, parameterSets(idr)));
    this.#headed = true;
    this.#flowing = true;
    this.#send(idr);
    for (const sound of this.#early.splice(0)) if (sound.ticks >= idr.ticks) this.#send(sound);
  }

  /** Sound waits for the next picture and goes with it: one write, and one time that ffmpeg wakes, instead of three. */
  #send(packet: Packet): void {
    const { stdin } = this.#child;
    if (stdin.writableCorked === 0) stdin.cork();
    stdin.write(this.#nut.frame(packet));
    if (packet.kind === 'video') stdin.uncork();
  }

  #stall(): void {
    if (!this.#flowing) return;
    this.#flowing = false;
    this.#options.log.warn({ backlogBytes: this.#child.stdin.writableLength }, 'ffmpeg is behind; HLS skips to the next IDR');
  }

  async #terminate(): Promise<void> {
    this.end();
    this.#child.kill('SIGTERM');
    // Nobody may read its output any more, and it can't end while it is full.
    this.#child.stdout.resume();
    await this.#child;
  }

  async #report(): Promise<void> {
    for await (const line of this.#child.iterable({ from: 'stderr' })) this.#options.log.warn({ line }, 'ffmpeg');
  }

  async #count(): Promise<void> {
    const { exitCode, signal } = await this.#child;
    this.#options.metrics.ffmpegExits.inc({ code: String(exitCode ?? signal ?? 'unknown') });
  }
}

type Child = ResultPromise<typeof SPAWN>;

/** SPS and PPS of an IDR, as Annex B. */
function parameterSets(idr: Packet): Uint8Array {
  return joinNals(splitNals(idr.data).filter((nal) => nalType(nal) === NAL.sps || nalType(nal) === NAL.pps));
}

const SPAWN = {
  stdin: 'pipe',
  stdout: 'pipe',
  stderr: 'pipe',
  buffer: false,
  reject: false,
  cleanup: true,
  forceKillAfterDelay: KILL_AFTER_MS,
} as const;

/** For one voice, 96 kbit/s are plenty: the quick search for quantizers takes half the CPU there, and by ffmpeg's own word sounds no worse. */
const AAC = ['-b:a', '96k', '-aac_coder', 'fast'];

function spawn(ffmpeg: string): Child {
  // The stream's headers say all that probing would find out. (`nobuffer` would lose what is read for probing: the first IDR.)
  const input = ['-probesize', '32', '-analyzeduration', '0', '-f', 'nut', '-i', 'pipe:0'];
  const video = ['-map', '0:v', '-c:v', 'copy', '-copypriorss:v', '1', '-video_track_timescale', String(TICKS_PER_SECOND)];
  // Lost sound becomes silence of the same length; left out, all that follows would move forward.
  const audio = ['-map', '0:a', '-af', 'aresample=async=1:min_hard_comp=0.01', '-c:a', 'aac', ...AAC];
  // Without edit lists and with `frag_discont`, a fragment's decode time is the timestamp that came in, from the first one on.
  const flags = 'empty_moov+default_base_moof+frag_keyframe+frag_discont+skip_trailer';
  const timeline = ['-use_editlist', '0', '-avoid_negative_ts', 'disabled'];
  const output = ['-f', 'mp4', '-movflags', flags, ...timeline, '-flush_packets', '1', 'pipe:1'];
  const args = ['-hide_banner', '-nostats', '-loglevel', 'error', '-copyts', ...input, ...video, ...audio, ...output];
  return execa(ffmpeg, args, SPAWN);
}
