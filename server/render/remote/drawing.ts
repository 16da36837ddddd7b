import { AvatarError } from '#base/errors.ts';
import type { DrawnFrame, Size, VideoFrame, Window } from '#base/media.ts';
import type { Pace } from '#base/pace.ts';
import { Watchdog } from '#base/watchdog.ts';
import type { Due, Renderer, RenderRequest } from '../renderer.ts';
import { until } from '../until.ts';
import { wentDark } from './darkness.ts';
import type { FrameLink, Likeness } from './link.ts';
import { lossOf, lost } from './lost.ts';
import type { Heard } from './message.ts';
import type { Pictures } from './pictures.ts';
import { Plan, type PlanOptions } from './plan.ts';
import { drawnBy } from './understudy.ts';

export interface DrawingOptions extends PlanOptions {
  readonly likeness: Likeness;
  readonly request: RenderRequest;
  readonly pictures: Pictures;
  /** A window was drawn. */
  readonly drew: (clipMs: number) => void;
  readonly failed: (kind: string) => void;
}

/** Pictures kept for an understudy to go on from: no engine carries more over. */
const SHOWN = 32;
/** A worker that says nothing of its window for so long (ms), or such a part of what it usually takes, is stuck. */
const STUCK = { least: 3_000, part: 0.6 } as const;

interface At {
  readonly link: FrameLink;
  readonly size: Size;
}

/** The pictures of one utterance, window by window, by whichever worker has its lease; each of them once. */
export class Drawing {
  readonly #options: DrawingOptions;
  readonly #plan: Plan;
  #at: At | undefined;
  /** The last pictures that were drawn, without a gap, as they were drawn. */
  #tail: VideoFrame[] = [];
  /** The frame after them. */
  #next = 0;
  #startsClause = true;
  /** The last pictures that were given out, without a gap, whoever has drawn them; and the frame after them. */
  #shown: VideoFrame[] = [];
  #after = 0;

  constructor(options: DrawingOptions) {
    this.#options = options;
    this.#plan = new Plan(options);
  }

  async *draw(window: Window): AsyncGenerator<DrawnFrame, void, undefined> {
    const { signal, watch, failed } = this.#options;
    const end = window.startFrame + window.freshFrames;
    let next = window.startFrame;
    while (!signal.aborted) {
      const way = await this.#plan.wayFor(window);
      if (way.by === 'nobody') {
        watch.leavesOut(way.why);
        break;
      }
      try {
        const drawing = way.by === 'worker' ? this.#byWorker(way, window) : this.#byUnderstudy(way, window, next);
        for await (const drawn of until(drawing, signal)) {
          if (drawn.frame < next) continue;
          next = drawn.frame + 1;
          this.#show(drawn);
          yield drawn;
        }
        if (way.by === 'worker' || next === end) break;
        this.#plan.dismiss(way.renderer);
      } catch (error) {
        const kind = lossOf(error);
        if (kind === undefined) throw error;
        failed(kind);
        this.#plan.failed(kind, way.by === 'worker' ? way.size : undefined);
        this.#at = undefined;
      }
    }
    this.#startsClause = window.endOfClause;
  }

  async *#byWorker(
    { link, size, why }: At & { why: string | undefined },
    window: Window,
  ): AsyncGenerator<DrawnFrame, void, undefined> {
    const { watch, geometry, pictures } = this.#options;
    const pace = this.#options.paces.of(link.hello, size);
    watch.draws(pace);
    const tail = [...(await this.#setOut({ link, size }, window, pace))];
    const end = window.startFrame + window.freshFrames;
    let frame = window.startFrame;
    for await (const { header, payload } of this.#heard(link, window, pace)) {
      if (header.type === 'clip_done') this.#options.drew(header.clipMs);
      if (header.type !== 'frames') continue;
      if (header.firstFrame !== frame || frame + header.sizes.length > end)
        throw this.#wrong(link, 'sent other pictures than were asked for');
      for await (const drawn of this.#read(link, pictures.read(header, payload))) {
        if (wentDark(tail.at(-1), drawn)) throw this.#wrong(link, 'draws black pictures');
        tail.push(drawn);
        if (tail.length > geometry.overlapFrames) tail.shift();
        const { width, height, data } = await pictures.scale(drawn, geometry);
        yield { frame, picture: { width, height, data, lesser: why } };
        frame += 1;
      }
    }
    if (frame !== end) throw link.loss ?? this.#wrong(link, `left out ${end - frame} of ${window.freshFrames} pictures`);
    this.#tail = tail;
    this.#next = end;
  }

  async *#byUnderstudy(
    { renderer, why }: { renderer: Renderer; why: string },
    window: Window,
    from: number,
  ): AsyncGenerator<DrawnFrame, void, undefined> {
    const { watch, request, geometry, signal, paces } = this.#options;
    watch.draws(paces.ofRenderer(renderer));
    const goesOn = this.#after === from && (from > window.startFrame || !this.#startsClause);
    const before: RenderRequest['idleBefore'] = async (inMs, count) =>
      goesOn && this.#shown.length >= count ? this.#shown.slice(-count) : ((await request.idleBefore?.(inMs, count)) ?? []);
    const asked = { ...request, idleBefore: before };
    yield* drawnBy(renderer, window, from, { request: asked, size: geometry, why, signal, watch });
  }

  #show({ frame, picture }: DrawnFrame): void {
    if (frame !== this.#after) this.#shown = [];
    this.#after = frame + 1;
    this.#shown.push(picture);
    if (this.#shown.length > SHOWN) this.#shown.shift();
  }

  /** Tells the worker what it must know before the window; gives the pictures that it goes on from. */
  async #setOut(at: At, window: Window, pace: Pace): Promise<readonly VideoFrame[]> {
    const { lease, likeness, geometry, pictures } = this.#options;
    const goesOn = this.#at?.link === at.link && this.#at.size.width === at.size.width && this.#at.size.height === at.size.height;
    const begins = this.#startsClause && (window.startFrame === 0 || pace.rtf > 1);
    const tail = begins || this.#next !== window.startFrame ? [] : this.#tail;
    if (goesOn && tail.length > 0) return tail;
    const motion = tail.length === geometry.overlapFrames ? tail : await this.#idleBefore(this.#options.watch.due(window));
    if (!goesOn) at.link.begin(lease.nextGeneration(), likeness, at.size);
    at.link.motion(await Promise.all(motion.map((picture) => pictures.scale(picture, at.size))));
    this.#at = at;
    return motion;
  }

  async #idleBefore({ at }: Due): Promise<readonly VideoFrame[]> {
    const { request, geometry, clock } = this.#options;
    const pictures = await request.idleBefore?.(Math.max(0, at - clock.now()), geometry.overlapFrames);
    return pictures?.length === geometry.overlapFrames ? pictures : [];
  }

  /** What the worker says of the window; a worker that is stuck is given up. */
  async *#heard(link: FrameLink, window: Window, pace: Pace): AsyncGenerator<Heard, void, undefined> {
    const { clock, watch, geometry } = this.#options;
    const usual = pace.expect(window.freshFrames);
    const stuck = new Watchdog({
      clock,
      suspicious: () => true,
      patience: () => Math.max(STUCK.least, STUCK.part * usual),
      bite: () => link.fail('stuck', 'does not get on'),
    });
    const { at } = watch.due(window);
    const due = Number.isFinite(at) ? { deadlineMs: Math.round(Math.max(0, at - clock.now())) } : {};
    const { index, startFrame, overlapFrames, freshFrames, endOfClause, samples, ahead } = window;
    const lookAheadFrames = geometry.lookAheadFrames ?? 0;
    const sound = new Int16Array(samples.length + (ahead?.length ?? 0));
    sound.set(samples);
    if (ahead) sound.set(ahead, samples.length);
    const order = { window: index, startFrame, overlapFrames, freshFrames, lookAheadFrames, endOfClause, ...due };
    let done = -1;
    stuck.watch();
    try {
      for await (const heard of link.draw(order, sound)) {
        const isNews = heard.header.type !== 'progress' || heard.header.done > done || heard.header.done === 0;
        if (isNews) stuck.calm();
        if (heard.header.type === 'progress') done = heard.header.done;
        yield heard;
      }
    } finally {
      stuck.stop();
    }
  }

  async *#read(link: FrameLink, pictures: AsyncIterable<VideoFrame>): AsyncGenerator<VideoFrame, void, undefined> {
    try {
      yield* pictures;
    } catch (error) {
      if (error instanceof AvatarError && error.code === 'bad_request') throw this.#wrong(link, error.message, error);
      throw error;
    }
  }

  #wrong(link: FrameLink, why: string, cause?: unknown): AvatarError {
    link.fail('wrong', why, cause);
    return link.loss ?? lost('wrong', why, cause);
  }
}
