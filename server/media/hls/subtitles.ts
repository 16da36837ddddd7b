import { FPS, TICKS_PER_FRAME, TICKS_PER_SECOND } from '#base/media.ts';
import type { Caption } from '#protocol/signalling.ts';

/** A caption stays so long after its last word, unless the next one begins, frames; the host's, which are read to see whether one was understood, longer. */
const LINGER = 0.8 * FPS;
const HOST_LINGER = 3 * FPS;
/** Captions older than this are in no segment to come, frames. */
const KEPT = 60 * FPS;
/** MPEG-2 timestamps: 90 kHz in 33 bits. */
const MPEG_PER_TICK = 15 / 8;
const MPEG_WRAP = 2 ** 33;

/** Something to be read, from one stage frame to another. */
interface Cue {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** What is said on a stage as WebVTT, cut into the segments of its media (RFC 8216 §3.5). */
export class Subtitles {
  #captions: Caption[] = [];
  /** Where the newest segment ends, frames. */
  #published = 0;

  /** Told again, it takes the place of what was told before. What the host says is known only after it was said: it is shown from then on. */
  add(caption: Caption): void {
    if (caption.who === 'host' && caption.final === false) return;
    const start = caption.who === 'host' ? Math.max(caption.start, this.#published) : caption.start;
    const others = this.#captions.filter(
      ({ utteranceId, clause, end }) => end > start - KEPT && (utteranceId !== caption.utteranceId || clause !== caption.clause),
    );
    this.#captions = [...others, { ...caption, start, end: Math.max(start, caption.end) }].sort((a, b) => a.start - b.start);
  }

  /** The file for the segment of media at stage time `ticks`. Cues end with it, and go on in the next: what comes then isn't certain yet. */
  segment(ticks: number, durationTicks: number): string {
    const [from, to] = [ticks / TICKS_PER_FRAME, (ticks + durationTicks) / TICKS_PER_FRAME];
    this.#published = to;
    this.#captions = this.#captions.filter(({ end }) => end > from - KEPT);
    const cues = this.#captions
      .flatMap((caption, at) => cuesOf(caption, this.#captions[at + 1]))
      .map((cue) => ({ ...cue, from: Math.max(cue.from, from), to: Math.min(cue.to, to) }))
      .filter((cue) => cue.to - cue.from > 0.01);
    const map = `X-TIMESTAMP-MAP=MPEGTS:${Math.round(ticks * MPEG_PER_TICK) % MPEG_WRAP},LOCAL:00:00:00.000`;
    const lines = cues.map((cue) => `${time(cue.from - from)} --> ${time(cue.to - from)}\n${cue.text}\n`);
    return ['WEBVTT', map, '', ...lines].join('\n');
  }
}

/** A cue for each word, with all that was heard before it: players show a cue as a whole, and a word must not be read before it is heard. */
function cuesOf(caption: Caption, next: Caption | undefined): Cue[] {
  const { who, text, start, end, words } = caption;
  const isHost = who === 'host';
  const until = Math.min(
    end + (isHost ? HOST_LINGER : LINGER),
    next ? Math.max(end, next.words?.[0]?.start ?? next.start) : Infinity,
  );
  if (!words) return [{ from: start, to: until, text: `<v ${isHost ? 'You' : 'Avatar'}>${escaped(text)}` }];
  let length = 0;
  return words.map((word, at) => {
    const found = text.indexOf(word.text, length);
    if (found >= 0) length = found + word.text.length;
    return { from: word.start, to: words[at + 1]?.start ?? until, text: `<v Avatar>${escaped(text.slice(0, length))}` };
  });
}

/** A blank line would end the cue. */
const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/\s*\n\s*/g, ' ')
    .trim();

function time(frames: number): string {
  const ms = Math.round((frames * TICKS_PER_FRAME * 1_000) / TICKS_PER_SECOND);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1_000) % 60)}.${String(ms % 1_000).padStart(3, '0')}`;
}
