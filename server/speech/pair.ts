import { beepAt } from '#base/beep.ts';
import type { Clock } from '#base/clock.ts';
import { asAvatarError, AvatarError } from '#base/errors.ts';
import { MS_PER_FRAME, TICKS_PER_FRAME, type AvFrame, type DrawnFrame, type Window } from '#base/media.ts';
import type { Outlook } from '#base/outlook.ts';
import { Queue } from '#base/queue.ts';
import { Watchdog } from '#base/watchdog.ts';
import type { Due, Renderer, RenderRequest, RenderWatch } from '#server/render/renderer.ts';
import type { VoicedWindow } from './windows.ts';

/** Voice may be known so far ahead of the reader: a minute. */
const VOICE_AHEAD = 1_500;
/** Pictures may be drawn so far ahead of the reader: a second, 10 MB at 512×512; or two windows, since a clause's last may be short and cost as much. */
const PICTURES_AHEAD = 25;
/** A renderer slower than real time may be so far ahead, as it must be before a clause can start: 20 s. */
const SLOW_AHEAD = 500;
/** Frames that playout takes ahead of their instant. */
const TAKEN_AHEAD = 15;
/** A window that is drawn no quicker than this, in seconds per second, counts as slow. */
const FAST_RTF = 0.9;

/** A renderer that does nothing of what it was given for so many times what a window usually takes, and this long at least (ms), is given up. */
const PATIENCE = { times: 5, least: 5_000 } as const;

export interface PairOptions {
  readonly renderer: Renderer;
  readonly request: RenderRequest;
  readonly outlook: Outlook;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The renderer is asked for nothing before this resolves. */
  readonly confirmed?: Promise<void> | undefined;
  /** Aborts `signal`: the reader wants no more, so whoever makes the voice may stop. */
  stop(): void;
  /** Called once, when the renderer takes the first window. */
  firstWindow(): void;
  /** Called once, when the first picture is drawn. */
  firstFrame(): void;
  /** The renderer gave up; the voice goes on without pictures. */
  renderFailed(error: unknown): void;
}

/**
 * Gives each 40 ms of sound out as soon as it is known, in order, and puts the picture that belongs to it in when it is drawn. The renderer
 * is not asked for more than a second beyond what was taken, or 20 when it is slower than real time. A failing renderer costs pictures, never sound; a failing voice rejects.
 */
export async function* pair(
  windows: AsyncIterable<VoicedWindow>,
  options: PairOptions,
): AsyncGenerator<AvFrame, void, undefined> {
  const work = new Work(options);
  const feeding = work.feed(windows);
  const drawing = work.draw();
  let left = true;
  try {
    for await (const frame of work.frames) {
      yield frame;
      work.taken(frame.frame + 1);
    }
    left = false;
  } catch (error) {
    left = false;
    throw error;
  } finally {
    // Once all frames there will be are given out, the pictures of the last are still drawn into them.
    if (left) {
      options.stop();
      work.stop();
      await Promise.all([feeding, drawing]);
    }
  }
}

class Work {
  readonly frames = new Queue<AvFrame>(VOICE_AHEAD);
  readonly #options: PairOptions;
  readonly #windows = new Queue<VoicedWindow>(VOICE_AHEAD);
  readonly #undrawn = new Map<number, AvFrame>();
  #taken = 0;
  #reached = 0;
  #wake: () => void = () => undefined;
  #failed = false;
  /** The window the renderer is at. */
  #given: VoicedWindow | undefined;
  #begun = false;
  readonly #watchdog: Watchdog;
  /** Resolves when nobody wants pictures any more, rejects when there will be none. */
  readonly #over = Promise.withResolvers<undefined>();

  constructor(options: PairOptions) {
    this.#options = options;
    this.#watchdog = new Watchdog({
      clock: options.clock,
      suspicious: () => this.#given !== undefined || (!this.#begun && this.#windows.size > 0),
      patience: () => this.#patience(),
      bite: () => this.#over.reject(new AvatarError('render_failed', 'The renderer has stopped to answer.')),
    });
    this.#over.promise.catch(() => undefined);
    options.signal.addEventListener('abort', () => this.stop(), { once: true });
  }

  /** The reader has taken all frames before `frame`. */
  taken(frame: number): void {
    this.#taken = frame;
    this.#wake();
  }

  stop(): void {
    this.#windows.clear();
    this.frames.clear();
    this.#over.resolve(undefined);
    this.#wake();
  }

  /** Cuts windows into frames for the reader, and hands them on to the renderer. */
  async feed(windows: AsyncIterable<VoicedWindow>): Promise<void> {
    let startOfClause = true;
    try {
      for await (const window of windows) {
        this.#options.outlook.hear(window.freshFrames * TICKS_PER_FRAME, window.endOfClause);
        for (const frame of framesOf(window, startOfClause, this.#options.renderer.stamped)) {
          if (!this.#failed) this.#undrawn.set(frame.frame, frame);
          if (!(await this.frames.push(frame))) return;
        }
        startOfClause = window.endOfClause;
        if (!this.#failed) await this.#windows.push(window);
      }
      this.frames.end();
    } catch (error) {
      if (!this.#options.signal.aborted) this.frames.fail(error);
    } finally {
      // Also after a failure: what is known is all there will be, so playout need not wait for more before it starts.
      this.#options.outlook.ended = true;
      this.#windows.end();
    }
  }

  /** Lets the renderer draw, and puts each picture into its frame. Ends with the signal, whatever the renderer does. */
  async draw(): Promise<void> {
    const { renderer, request, renderFailed, signal, outlook } = this.#options;
    const pictures = renderer.render(this.#inTime(), request, signal, this.#watch)[Symbol.asyncIterator]();
    this.#watchdog.watch();
    try {
      for (;;) {
        const next = await Promise.race([pictures.next(), this.#over.promise]);
        if (!next || next.done) break;
        this.#watchdog.calm();
        this.#put(next.value);
      }
    } catch (error) {
      this.#failed = true;
      if (!signal.aborted) {
        renderFailed(error);
        outlook.trouble = asAvatarError(error).message;
      }
    }
    this.#watchdog.stop();
    // Not awaited: one that hangs answers this only afterwards, if ever.
    void pictures.return?.(undefined).then(undefined, () => undefined);
    // What the renderer has left out will never come, so nothing may wait for it.
    outlook.drawn = Number.POSITIVE_INFINITY;
    this.#undrawn.clear();
    this.#windows.clear();
  }

  /** What a renderer tells whose work is done elsewhere. */
  readonly #watch: RenderWatch = {
    due: (window) => this.#due(window),
    draws: (pace) => {
      const { outlook, clock } = this.#options;
      outlook.pace = pace;
      outlook.wait = undefined;
      outlook.trouble = undefined;
      if (this.#given) outlook.begin(this.#given.startFrame * TICKS_PER_FRAME, clock.now());
      this.#watchdog.calm();
    },
    waits: (until, why) => {
      this.#options.outlook.wait = { until, why };
      this.#watchdog.calm();
    },
    leavesOut: (why) => {
      const { outlook } = this.#options;
      outlook.wait = undefined;
      outlook.trouble = why;
      outlook.leaveOut();
    },
  };

  #due({ startFrame }: Window): Due {
    const { outlook, clock } = this.#options;
    const now = clock.now();
    const aired = Math.max(0, this.#taken - TAKEN_AHEAD);
    const ends = outlook.clauseEnds.map((end) => end / TICKS_PER_FRAME);
    const from = ends.findLast((end) => end <= startFrame) ?? 0;
    if (aired > from) return { at: now + (startFrame - aired) * MS_PER_FRAME, onAir: true };
    const to = ends.find((end) => end > startFrame) ?? outlook.known / TICKS_PER_FRAME;
    const starts = Math.max(now, outlook.safeStart(from * TICKS_PER_FRAME, to * TICKS_PER_FRAME, now));
    return { at: starts + (startFrame - from) * MS_PER_FRAME, onAir: false };
  }

  #put({ frame, picture }: DrawnFrame): void {
    const undrawn = this.#undrawn.get(frame);
    if (undrawn) undrawn.picture = picture;
    if (this.#reached === 0) this.#options.firstFrame();
    this.#reach(frame + 1);
  }

  #patience(): number {
    const { outlook, renderer } = this.#options;
    const frames = this.#given?.freshFrames ?? renderer.geometry.freshFrames;
    return Math.max(PATIENCE.least, PATIENCE.times * outlook.pace.expect(frames));
  }

  /** All frames before `frame` are drawn, or were left out by the renderer. */
  #reach(frame: number): void {
    for (const drawn of this.#undrawn.keys()) {
      if (drawn >= frame) break;
      this.#undrawn.delete(drawn);
    }
    if (frame <= this.#reached) return;
    this.#options.outlook.draw(frame - this.#reached, this.#options.clock.now());
    this.#reached = frame;
  }

  /** The windows, none of them much sooner than it is needed; notes when the renderer begins each and is done with it. */
  async *#inTime(): AsyncGenerator<VoicedWindow, void, undefined> {
    const { clock, outlook, signal, confirmed } = this.#options;
    this.#begun = true;
    if (confirmed) await Promise.race([confirmed, this.#over.promise]);
    for await (const window of this.#windows) {
      while (!signal.aborted && window.startFrame >= this.#taken + this.#ahead(window)) {
        outlook.held = true;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      outlook.held = false;
      if (signal.aborted) return;
      outlook.begin(window.startFrame * TICKS_PER_FRAME, clock.now());
      this.#watchdog.calm();
      this.#given = window;
      if (window.index === 0) this.#options.firstWindow();
      yield window;
      this.#given = undefined;
      outlook.done(clock.now());
      this.#reached = window.startFrame + window.freshFrames;
    }
  }

  #ahead({ freshFrames }: VoicedWindow): number {
    const { outlook, renderer } = this.#options;
    const rtf = Math.max(outlook.rtf, outlook.pace.expect(freshFrames) / (freshFrames * MS_PER_FRAME));
    return rtf > FAST_RTF ? SLOW_AHEAD : Math.max(PICTURES_AHEAD, 2 * renderer.geometry.freshFrames);
  }
}

function* framesOf(window: VoicedWindow, startOfClause: boolean, stamped: boolean): Generator<AvFrame> {
  const { startFrame, freshFrames, clause, endOfClause } = window;
  for (let i = 0; i < freshFrames; i += 1) {
    const sound = window.sound.subarray(i * TICKS_PER_FRAME, (i + 1) * TICKS_PER_FRAME);
    const beep = stamped ? beepAt(startFrame + i) : undefined;
    yield {
      frame: startFrame + i,
      sound: beep ? mixed(sound, beep) : sound,
      clause,
      startOfClause: startOfClause && i === 0,
      endOfClause: endOfClause && i === freshFrames - 1,
      picture: undefined,
    };
  }
}

function mixed(voice: Int16Array, beep: Int16Array): Int16Array {
  return voice.map((sample, i) => Math.max(-32_768, Math.min(32_767, sample + (beep[i] ?? 0))));
}
