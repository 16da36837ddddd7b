import { Parser } from 'm3u8-parser';

/** What a player asks for, without a player: each playlist, and each file it names, until it is stopped. */
export class HlsFollower {
  /** Whatever was not answered with 200, and whatever went back. */
  readonly complaints: string[] = [];
  /** Discontinuities met so far. */
  discontinuities = 0;
  /** Of the newest segment, Unix ms; when it was first listed; and its sequence. */
  newest = { startMs: 0, listedAt: 0, sequence: -1 };
  /** The file that its newest initialisation section and the segments since make. */
  recorded: Buffer[] = [];
  readonly #url: string;
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;
  #lists = { media: 0, discontinuity: 0 };
  #endMs: number | undefined;

  constructor(url: string) {
    this.#url = url;
    this.#running = this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #follow(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#poll();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #poll(): Promise<void> {
    const parser = new Parser();
    parser.push((await this.#get(this.#url)).toString());
    parser.end();
    const { mediaSequence, discontinuitySequence, segments } = parser.manifest;
    if (mediaSequence < this.#lists.media || discontinuitySequence < this.#lists.discontinuity)
      this.complaints.push(`the list went back to ${mediaSequence}, ${discontinuitySequence}`);
    this.#lists = { media: mediaSequence, discontinuity: discontinuitySequence };
    const oldest = segments[0];
    if (oldest) await this.#get(oldest.uri);
    for (const [at, { uri, map, discontinuity, dateTimeObject, duration }] of segments.entries()) {
      const sequence = mediaSequence + at;
      if (sequence <= this.newest.sequence) continue;
      const startMs = dateTimeObject?.getTime() ?? NaN;
      if (this.#endMs !== undefined && !(Math.abs(startMs - this.#endMs) <= 1))
        this.complaints.push(`segment ${sequence} starts ${startMs - this.#endMs} ms after the one before it`);
      this.#endMs = startMs + duration * 1_000;
      if (discontinuity) this.discontinuities += 1;
      this.newest = { startMs, listedAt: Date.now(), sequence };
      const init = await this.#get(map?.uri ?? '');
      if (!this.recorded[0]?.equals(init)) this.recorded = [init];
      this.recorded.push(await this.#get(uri));
    }
  }

  async #get(uri: string): Promise<Buffer> {
    const response = await fetch(new URL(uri, this.#url));
    if (response.status !== 200) this.complaints.push(`${uri.split('?')[0] ?? ''}: ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  }
}
