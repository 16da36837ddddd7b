import { captionsUri, initUri, LISTED, segmentUri } from './playlist.ts';

export interface HlsFile {
  readonly data: Uint8Array;
  readonly type: 'video/mp4' | 'video/iso.segment' | 'text/vtt; charset=utf-8';
}

interface Kept {
  readonly init: number;
  readonly uri: string;
  readonly file: HlsFile;
}

/** The only names there are; what doesn't match is never looked up. */
const NAME = /^(init|segment|captions)_\d{1,9}\.(mp4|m4s|vtt)$/;
/** As many again as are listed, and two: a player may ask for what the longest playlist it knows has named (RFC 8216bis §6.2.2). */
const KEPT = 2 * LISTED + 2;

/** The newest segments and the initialisation sections they need, in memory. */
export class HlsStore {
  #segments: Kept[] = [];
  #inits: Kept[] = [];
  #captions: Kept[] = [];

  /** The section that the segments added next will need. */
  addInit(init: number, data: Uint8Array): void {
    this.#inits = [...this.#needed(), { init, uri: initUri(init), file: { data, type: 'video/mp4' } }];
  }

  /** @param captions what is said in it, as WebVTT */
  addSegment(sequence: number, init: number, data: Uint8Array, captions: string): void {
    const read: HlsFile = { data: Buffer.from(captions), type: 'text/vtt; charset=utf-8' };
    this.#captions = [...this.#captions, { init, uri: captionsUri(sequence), file: read }].slice(-KEPT);
    const file: HlsFile = { data, type: 'video/iso.segment' };
    this.#segments = [...this.#segments, { init, uri: segmentUri(sequence), file }].slice(-KEPT);
    this.#inits = this.#needed();
  }

  get(name: string): HlsFile | undefined {
    if (!NAME.test(name)) return undefined;
    return [...this.#segments, ...this.#inits, ...this.#captions].find(({ uri }) => uri === name)?.file;
  }

  clear(): void {
    this.#segments = [];
    this.#inits = [];
    this.#captions = [];
  }

  #needed(): Kept[] {
    return this.#inits.filter(({ init }) => this.#segments.some((segment) => segment.init === init));
  }
}
