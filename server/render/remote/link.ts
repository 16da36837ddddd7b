import type { RawData, WebSocket } from 'ws';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { VideoFrame } from '#base/media.ts';
import { Queue } from '#base/queue.ts';
import { Watchdog } from '#base/watchdog.ts';
import { CLOSE, type PictureFormat, type PictureSize, type ToServer, type ToWorker } from '#protocol/frame-link.ts';
import { lost, type LossKind } from './lost.ts';
import { pack, unpack, type Heard } from './message.ts';

export type Hello = Extract<ToServer, { type: 'hello' }>;
export type Order = Extract<ToWorker, { type: 'window' }>;

/** What an avatar looks like, for engines: a reference picture as a file, its SHA-256, and words. */
export interface Likeness {
  readonly id: string;
  readonly prompt: string;
  readonly hash: string;
  readonly mime: 'image/png' | 'image/jpeg';
  readonly image: Uint8Array;
}

export interface LinkOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly traceId: string;
  readonly formats: readonly PictureFormat[];
}

/** A worker has so long to say who it is, ms. */
const HELLO_WITHIN = 5_000;
const PING_EVERY = 1_000;
const PONG_WITHIN = 3_000;
/** After `bye` it has so long to close, ms. */
const CLOSE_WITHIN = 2_000;
/** Messages with pictures that wait to be decoded; the worker waits while there are more. */
const INBOX = 2;

/** One worker's connection for one lease. Whatever goes wrong with it rejects with a loss (lost.ts) where it is waited for. */
export class FrameLink {
  readonly hello: Hello;
  readonly #socket: WebSocket;
  readonly #options: LinkOptions;
  readonly #life = new Lifetime();
  readonly #alive: Watchdog;
  readonly #ended = Promise.withResolvers<AvatarError>();
  #loss: AvatarError | undefined;
  #generation = -1;
  #likeness: Likeness | undefined;
  /** What is said of the window being drawn. */
  #inbox: { readonly order: Order; readonly heard: Queue<Heard> } | undefined;
  /** Messages of generations or windows that nobody waits for any more. */
  stale = 0;

  private constructor(hello: Hello, socket: WebSocket, options: LinkOptions) {
    this.hello = hello;
    this.#socket = socket;
    this.#options = options;
    this.#alive = new Watchdog({
      clock: options.clock,
      suspicious: () => true,
      patience: () => PONG_WITHIN,
      bite: () => this.fail('silent', 'does not answer any more'),
    });
  }

  /** Resolves once the worker has said who it is. Rejects with a loss, and closes the socket. */
  static async open(socket: WebSocket, options: LinkOptions): Promise<FrameLink> {
    const said = Promise.withResolvers<Hello>();
    const first = (data: RawData): void => {
      try {
        const { header } = unpack(bytesOf(data));
        if (header.type !== 'hello') throw new AvatarError('bad_request', 'Its first message must be hello.');
        said.resolve(header);
      } catch (error) {
        socket.close(CLOSE.bad_message, reasonOf(error));
        said.reject(lost('garbage', 'speaks another language', error));
      }
    };
    const cut = (): void => said.reject(lost('cut', 'was gone before it said who it is'));
    const late = options.clock.at(options.clock.now() + HELLO_WITHIN, () => socket.terminate());
    socket.once('message', first);
    socket.once('close', cut);
    socket.on('error', () => socket.terminate());
    try {
      const link = new FrameLink(await said.promise, socket, options);
      link.#listen();
      return link;
    } finally {
      late();
      socket.off('close', cut);
    }
  }

  /** Why it is over; undefined while it is not. */
  get loss(): AvatarError | undefined {
    return this.#loss;
  }

  /** Resolves with why, once it is over. */
  get over(): Promise<AvatarError> {
    return this.#ended.promise;
  }

  /** The worker draws that avatar in that size from now on; nothing of an older generation is heard any more. */
  begin(generation: number, likeness: Likeness, { width, height }: PictureSize): void {
    this.#generation = generation;
    this.#likeness = likeness;
    const { id, prompt, hash } = likeness;
    const { traceId, formats } = this.#options;
    const avatar = { id, prompt: prompt.slice(0, 2_000), reference: hash };
    this.#send({ type: 'begin', generation, traceId, avatar, width, height, formats: [...formats] });
  }

  /** The next window goes on from these, all of the size of `begin`. */
  motion(pictures: readonly VideoFrame[]): void {
    const [first] = pictures;
    if (!first) return;
    const { width, height } = first;
    const sizes = pictures.map(({ data }) => data.length);
    const payload = Buffer.concat(pictures.map(({ data }) => data));
    this.#send({ type: 'motion', generation: this.#generation, format: 'i420', width, height, sizes }, payload);
  }

  /** All that the worker says of that window until it is done. One at a time. */
  async *draw(order: Omit<Order, 'type' | 'generation'>, samples: Int16Array): AsyncGenerator<Heard, void, undefined> {
    const whole: Order = { type: 'window', generation: this.#generation, ...order };
    const heard = new Queue<Heard>(INBOX);
    this.#inbox = { order: whole, heard };
    if (this.#loss) heard.fail(this.#loss);
    else this.#send(whole, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    try {
      for await (const message of heard) {
        yield message;
        if (message.header.type === 'clip_done') return;
      }
    } finally {
      if (this.#inbox.heard === heard) this.#inbox = undefined;
    }
  }

  /** What is being drawn, if anything, is not wanted any more. */
  cancel(): void {
    if (!this.#inbox) return;
    this.#send({ type: 'cancel', generation: this.#generation });
    this.#inbox.heard.clear();
    this.#inbox = undefined;
  }

  /** Gives the worker up. */
  fail(kind: LossKind, why: string, cause?: unknown): void {
    if (this.#loss) return;
    const code =
      kind === 'garbage' || kind === 'wrong' ? CLOSE.bad_message : kind === 'replaced' ? CLOSE.taken_over : CLOSE.too_slow;
    this.#over(lost(kind, why, cause), code);
  }

  /** Nothing more is wanted: the lease is done. Resolves once the connection is closed. */
  bye(reason: string): Promise<void> {
    if (!this.#loss) {
      this.#send({ type: 'bye', reason: reason.slice(0, 200) });
      this.#over(lost('cut', 'was told good-bye'), undefined);
    }
    return this.#life.close(reason);
  }

  #listen(): void {
    const { clock } = this.#options;
    this.#life.defer(() => this.#closed());
    this.#socket.on('message', (data) => this.#hear(bytesOf(data)));
    this.#socket.on('pong', () => this.#alive.calm());
    this.#socket.once('close', () => this.#over(lost('cut', 'has lost its connection'), undefined));
    let stop = (): void => undefined;
    const ping = (): void => {
      this.#socket.ping();
      stop = clock.at(clock.now() + PING_EVERY, ping);
    };
    this.#alive.watch();
    ping();
    this.#life.defer(() => {
      stop();
      this.#alive.stop();
    });
  }

  #hear(data: Buffer): void {
    if (this.#loss) return;
    this.#alive.calm();
    try {
      this.#route(unpack(data));
    } catch (error) {
      this.fail('garbage', `speaks another language: ${reasonOf(error)}`, error);
    }
  }

  #route(heard: Heard): void {
    const { header } = heard;
    switch (header.type) {
      case 'hello':
        throw new AvatarError('bad_request', 'It has said hello already.');
      case 'need_reference':
        return this.#refer(header.hash);
      case 'bye':
        return this.#over(lost('leaving', `is leaving: ${header.reason}`), 1_000);
      case 'error': {
        const kind = header.code === 'out_of_memory' ? 'memory' : 'failed';
        return this.#over(lost(kind, `can not go on: ${header.message}`), 1_000);
      }
      case 'cancelled':
        return;
      case 'progress':
      case 'frames':
      case 'clip_done':
        return this.#deliver(heard, header);
    }
  }

  #refer(hash: string): void {
    const likeness = this.#likeness;
    if (likeness?.hash !== hash) throw new AvatarError('bad_request', 'It asks for a reference that nobody has named.');
    this.#send({ type: 'reference', hash, mime: likeness.mime }, likeness.image);
  }

  #deliver(heard: Heard, { generation, window }: { generation: number; window: number }): void {
    const inbox = this.#inbox;
    if (!inbox || generation !== inbox.order.generation || generation !== this.#generation || window !== inbox.order.window) {
      this.stale += 1;
      return;
    }
    if (inbox.heard.size >= INBOX) this.#socket.pause();
    void inbox.heard.push(heard).then(() => this.#socket.resume());
  }

  #send(header: ToWorker, payload?: Uint8Array): void {
    // A failure to send is the connection's end, which is told by itself.
    if (!this.#loss) this.#socket.send(pack(header, payload), () => undefined);
  }

  #over(loss: AvatarError, code: number | undefined): void {
    if (this.#loss) return;
    this.#loss = loss;
    this.#ended.resolve(loss);
    this.#inbox?.heard.fail(loss);
    if (code !== undefined) this.#socket.close(code, loss.message.slice(0, 100));
    void this.#life.close(loss.message);
  }

  /** The worker closes; one that doesn't is cut off. */
  async #closed(): Promise<void> {
    const socket = this.#socket;
    if (socket.readyState === socket.CLOSED) return;
    socket.resume();
    const { clock } = this.#options;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const late = clock.at(clock.now() + CLOSE_WITHIN, () => socket.terminate());
    await closed;
    late();
  }
}

function bytesOf(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}

const reasonOf = (error: unknown): string => (error instanceof AvatarError ? error.message.slice(0, 100) : 'not a message');
