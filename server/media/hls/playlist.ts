import { FPS, TICKS_PER_MS, TICKS_PER_SECOND, type Size } from '#base/media.ts';

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
export const captionsUri = (sequence: number): string => `captions_${sequence}.vtt`;
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
    return this.#render((entry, before) => this.#lines(entry, before, queryOf(token)), ['#EXT-X-INDEPENDENT-SEGMENTS']);
  }

  /** The list of its captions: the same segments, at the same times. */
  renderCaptions(token: string): string {
    return this.#render((entry) => this.#placed(entry, `${captionsUri(entry.sequence)}${queryOf(token)}`), []);
  }

  #render(linesOf: (entry: Entry, before: Entry | undefined) => string[], about: string[]): string {
    const lines = [
      '#EXTM3U',
      '#EXT-X-VERSION:7',
      `#EXT-X-TARGETDURATION:${TARGET_DURATION}`,
      `#EXT-X-MEDIA-SEQUENCE:${this.#entries[0]?.sequence ?? 0}`,
      `#EXT-X-DISCONTINUITY-SEQUENCE:${this.#discontinuities}`,
      ...about,
      ...this.#entries.flatMap((entry, at) => linesOf(entry, this.#entries[at - 1])),
      ...(this.#ended ? ['#EXT-X-ENDLIST'] : []),
    ];
    return `${lines.join('\n')}\n`;
  }

  #lines(entry: Entry, before: Entry | undefined, query: string): string[] {
    const map = before?.init === entry.init ? [] : [`#EXT-X-MAP:URI="${initUri(entry.init)}${query}"`];
    return this.#placed(entry, `${segmentUri(entry.sequence)}${query}`, map);
  }

  #placed({ ticks, durationTicks, discontinuity }: Entry, uri: string, before: string[] = []): string[] {
    return [
      ...(discontinuity ? ['#EXT-X-DISCONTINUITY'] : []),
      ...before,
      `#EXT-X-PROGRAM-DATE-TIME:${new Date(this.#epochMs + ticks / TICKS_PER_MS).toISOString()}`,
      `#EXTINF:${(durationTicks / TICKS_PER_SECOND).toFixed(5)},`,
      uri,
    ];
  }

  #keep(entries: readonly Entry[], count: number): Playlist {
    const leaving = entries.slice(0, Math.max(0, entries.length - count));
    const gone = leaving.filter(({ discontinuity }) => discontinuity).length;
    return new Playlist(this.#epochMs, entries.slice(leaving.length), this.#discontinuities + gone, this.#ended);
  }
}

const queryOf = (token: string): string => `?token=${encodeURIComponent(token)}`;

/** Constrained baseline, level 3.1, and AAC-LC: what the encoder and the packager make. */
const CODECS = 'avc1.42c01f,mp4a.40.2';
/** bit/s at most, sound included. */
const BANDWIDTH = 2_000_000;

/** A multivariant playlist (RFC 8216bis §4.4.6): the stage with its captions beside it. */
export function withCaptions({ width, height }: Size, language: string, token: string): string {
  const captions = `TYPE=SUBTITLES,GROUP-ID="captions",NAME="Captions",LANGUAGE="${language}",DEFAULT=YES,AUTOSELECT=YES,FORCED=NO`;
  const media = `BANDWIDTH=${BANDWIDTH},CODECS="${CODECS}",RESOLUTION=${width}x${height},FRAME-RATE=${FPS}.000,SUBTITLES="captions"`;
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    `#EXT-X-MEDIA:${captions},URI="captions.m3u8${queryOf(token)}"`,
    `#EXT-X-STREAM-INF:${media}`,
    `index.m3u8${queryOf(token)}`,
  ];
  return `${lines.join('\n')}\n`;
}
