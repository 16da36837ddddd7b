import { TICKS_PER_FRAME, TICKS_PER_OPUS_FRAME, type AvFrame } from '#base/media.ts';
import { fadedIn, fadedOut } from './hush.ts';

/** What a stage's next instants hold, as decided, and what of it each packet of sound gets, which may lie across two of them. Ticks are the stage's. */
export class Upcoming {
  readonly #frames = new Map<number, AvFrame>();
  #fadeOut: Int16Array | undefined;
  /** Where a voice comes back. */
  #fadeIn: number | undefined;

  decide(frame: number, spoken: AvFrame): void {
    this.#frames.set(frame, spoken);
  }

  at(frame: number): AvFrame | undefined {
    return this.#frames.get(frame);
  }

  get last(): AvFrame | undefined {
    return [...this.#frames.values()].at(-1);
  }

  /** The packet at hand still fades out what was before. */
  get fades(): boolean {
    return this.#fadeOut !== undefined;
  }

  /** From `ticks` on a voice that was faded out is heard again. */
  fadeIn(ticks: number): void {
    this.#fadeIn = ticks;
  }

  /** Takes the sound of the packet that begins at `ticks`; undefined is silence. */
  take(ticks: number): Int16Array | undefined {
    const samples = this.#fadeOut ?? this.#sound(ticks, (frame) => this.#frames.get(frame)?.sound);
    this.#fadeOut = undefined;
    return samples;
  }

  /** Forgets everything; the packet that begins at `ticks` fades out what it would have held. False when that is silence. */
  hush(ticks: number, undecided: { readonly frame: number; readonly sound: Int16Array | undefined }): boolean {
    const sound = this.#sound(ticks, (frame) => (frame < undecided.frame ? this.#frames.get(frame)?.sound : undecided.sound));
    this.#frames.clear();
    this.#fadeIn = undefined;
    if (sound) this.#fadeOut = fadedOut(sound);
    return sound !== undefined;
  }

  /** The tick of its utterance that the packet at `ticks` goes on with, as far as that is decided. */
  position(ticks: number): number | undefined {
    for (const [frame, { frame: spoken }] of this.#frames) {
      const into = ticks - frame * TICKS_PER_FRAME;
      if (into < TICKS_PER_FRAME) return spoken * TICKS_PER_FRAME + Math.max(0, into);
    }
    return undefined;
  }

  /** Forgets what is over for the picture, before `frame`, and for the sound, before `ticks`. */
  forget(frame: number, ticks: number): void {
    for (const past of this.#frames.keys()) if (past < frame && (past + 1) * TICKS_PER_FRAME <= ticks) this.#frames.delete(past);
  }

  #sound(ticks: number, of: (frame: number) => Int16Array | undefined): Int16Array | undefined {
    const samples = joined(ticks, of);
    if (!samples || this.#fadeIn === undefined) return samples;
    const from = this.#fadeIn - ticks;
    if (from > -TICKS_PER_OPUS_FRAME) return fadedIn(samples, from);
    this.#fadeIn = undefined;
    return samples;
  }
}

/** What a packet holds of its one or two frames; undefined when that is silence. */
function joined(ticks: number, of: (frame: number) => Int16Array | undefined): Int16Array | undefined {
  const frame = Math.floor(ticks / TICKS_PER_FRAME);
  const from = ticks - frame * TICKS_PER_FRAME;
  const [one, other] = [of(frame), from + TICKS_PER_OPUS_FRAME > TICKS_PER_FRAME ? of(frame + 1) : undefined];
  if (from + TICKS_PER_OPUS_FRAME <= TICKS_PER_FRAME) return one?.subarray(from, from + TICKS_PER_OPUS_FRAME);
  if (!one && !other) return undefined;
  const whole = new Int16Array(TICKS_PER_OPUS_FRAME);
  if (one) whole.set(one.subarray(from));
  if (other) whole.set(other.subarray(0, from + TICKS_PER_OPUS_FRAME - TICKS_PER_FRAME), TICKS_PER_FRAME - from);
  return whole;
}
