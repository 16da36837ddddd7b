import { TICKS_PER_MS, TICKS_PER_SECOND } from '#base/media.ts';

/** One line of the playlist. */
export interface Entry {
  readonly sequence: number;
  /** Which initialisation section it needs. */
  readonly init: number;
  readonly ticks: number;
  readonly durationTicks: number;
  /** Doesn't continue the segment before: another run of ffmpeg made it. */
  readonly discontinuity: boolean;
}

/** Seconds. Fixed for the life of the playlist (RFC 8216bis §6.2.1). */
const TARGET_DURATION = 2;
export const LISTED = 7;

export const initUri = (init: number): string => `init_${init}.mp4`;
export const segmentUri = (sequence: number): string => `segment_${sequence}.m4s`;

/** A media playlist (RFC 8216bis §4.4.3) as it is at one moment. It is never changed; a new one takes its place. */
export class Playlist {
  readonly #epochMs: number;
  readonly #entries: readonly Entry[];
  /** Discontinuities that have left the list. */
  readonly #discontinuities: number;
  readonly #ended: boolean;

  private constructor(epochMs: number, entries: readonly Entry[], discontinuities: number, ended: boolean) {
    this.#epochMs = epochMs;
    this.#entries = entries;
    this.#discontinuities = discontinuities;
    this.#ended = ended;
  }

  /**
   * @param epochMs Unix ms of stage tick 0
   * @param discontinuities how many came before
   */
  static empty(epochMs: number, discontinuities = 0): Playlist {
    return new Playlist(epochMs, [], discontinuities, false);
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** With one more at its end, and as many fewer at its start as the window asks. */
  append(entry: Entry): Playlist {
    return this.#keep([...this.#entries, entry], LISTED);
  }

  /** Without its entries, which nobody waits for any more. Numbering goes on. */
  cleared(): Playlist {
    return this.#keep(this.#entries, 0);
  }

  ended(): Playlist {
    return new Playlist(this.#epochMs, this.#entries, this.#discontinuities, true);
  }

  /** As text. Players can't send headers, so every URI repeats the token. */
  render(token: string): string {
    const query = `?token=${encodeURIComponent(token)}`;
    const lines = [
      '#EXTM3U',
      '#EXT-X-VERSION:7',
      `#EXT-X-TARGETDURATION:${TARGET_DURATION}`,
      `#EXT-X-MEDIA-SEQUENCE:${this.#entries[0]?.sequence ?? 0}`,
      `#EXT-X-DISCONTINUITY-SEQUENCE:${this.#discontinuities}`,
      '#EXT-X-INDEPENDENT-SEGMENTS',
      ...this.#entries.flatMap((entry, at) => this.#lines(entry, this.#entries[at - 1], query)),
      ...(this.#ended ? ['#EXT-X-ENDLIST'] : []),
    ];
    return `${lines.join('\n')}\n`;
  }

  #lines(entry: Entry, before: Entry | undefined, query: string): string[] {
    const date = new Date(this.#epochMs + entry.ticks / TICKS_PER_MS).toISOString();
    return [
      ...(entry.discontinuity ? ['#EXT-X-DISCONTINUITY'] : []),
      ...(before?.init === entry.init ? [] : [`#EXT-X-MAP:URI="${initUri(entry.init)}${query}"`]),
      `#EXT-X-PROGRAM-DATE-TIME:${date}`,
      `#EXTINF:${(entry.durationTicks / TICKS_PER_SECOND).toFixed(5)},`,
      `${segmentUri(entry.sequence)}${query}`,
    ];
  }

  #keep(entries: readonly Entry[], count: number): Playlist {
    const leaving = entries.slice(0, Math.max(0, entries.length - count));
    const gone = leaving.filter(({ discontinuity }) => discontinuity).length;
    return new Playlist(this.#epochMs, entries.slice(leaving.length), this.#discontinuities + gone, this.#ended);
  }
}
