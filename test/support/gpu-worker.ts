import { WebSocket } from 'ws';
import { sleep, systemClock } from '#base/clock.ts';
import { FRAME_LINK_PROTOCOL, ToWorker, type ToServer } from '#protocol/frame-link.ts';
import { backgroundQueue, Lease } from '#protocol/lease.ts';
import { i420Bytes, type Size } from '#base/media.ts';
import type { Bus, Claim } from '#server/bus/bus.ts';

/** What a worker does that it should not, from which window of a lease on (0 = the first), or in which phase. */
export type Vice =
  | 'vanishes'
  | 'falls silent'
  | 'gets stuck'
  | 'babbles'
  | 'babbles and keeps its lease'
  | 'leaves pictures out'
  | 'draws black'
  | 'draws too much'
  | 'runs out of memory'
  | 'fails'
  | 'leaves'
  | 'draws what was cancelled';

export interface GpuWorkerOptions {
  readonly bus: Bus;
  readonly engine: string;
  /** Seconds for a second of pictures. */
  readonly rtf?: number;
  readonly sizes?: readonly Size[];
  /** The largest picture that fits its memory, pixels. */
  readonly memory?: number;
  readonly vice?: Vice;
  /** The window, counted over its whole life, in which it has its vice; default: its second. */
  readonly viceAt?: number;
  readonly format?: 'i420';
  readonly name?: string;
}

export const GEOMETRY = { freshFrames: 24, overlapFrames: 3, lookAheadFrames: 2 } as const;
const BATCH = 6;
let workers = 0;

type Outcome = 'done' | 'handed back' | 'let go';
type Said = ToWorker & { readonly payload: Buffer };

/** A GPU worker that speaks the real link, draws grey pictures whose first bytes are a number, and may have a vice. */
export class GpuWorker {
  readonly name: string;
  /** `generation/window` of all it was asked to draw. */
  readonly asked: string[] = [];
  /** What it was told besides, in order. */
  readonly told: string[] = [];
  readonly motions: number[] = [];
  /** What became of its leases. */
  readonly done: string[] = [];
  /** Of each window, ms, where somebody waits for it. */
  readonly deadlines: (number | undefined)[] = [];
  /** Lengths of the sound of each window, samples. */
  readonly sounds: number[] = [];
  windows = 0;
  readonly #options: GpuWorkerOptions;
  readonly #life = new AbortController();
  readonly #sockets = new Set<WebSocket>();
  #frozen = false;
  #generation = -1;

  constructor(options: GpuWorkerOptions) {
    this.#options = options;
    workers += 1;
    this.name = options.name ?? `worker-${workers}`;
    void this.#announce();
    for (const queue of [options.engine, backgroundQueue(options.engine)]) void this.#work(queue);
  }

  /** As SIGKILL does. */
  kill(): void {
    this.#life.abort();
    for (const socket of this.#sockets) socket.terminate();
  }

  /** As SIGSTOP does: its sockets stay open, and nobody answers. */
  freeze(): void {
    this.#frozen = true;
    this.#life.abort();
    for (const socket of this.#sockets) socket.pause();
  }

  async #announce(): Promise<void> {
    const { bus, engine } = this.#options;
    const { signal } = this.#life;
    while (!signal.aborted) {
      const leases = this.#sockets.size;
      const clip = { freeInMs: leases > 0 ? 2_000 : 0, leaseMs: 2_000 };
      const body = { v: 1, engine, geometry: GEOMETRY, sizes: this.#sizes(), state: 'ready', leases, capacity: 1, ...clip };
      await bus.announce(engine, { id: this.name, body }, 3_000);
      await sleep(systemClock, 1_000, signal);
    }
    await bus.withdraw(engine, this.name);
  }

  #sizes(): (Size & { clipMs: number })[] {
    const { sizes = [{ width: 64, height: 64 }], rtf = 0.2 } = this.#options;
    const [first] = sizes;
    const share = ({ width, height }: Size): number => (width * height) / (first!.width * first!.height);
    return sizes.map((size) => ({ ...size, clipMs: rtf * GEOMETRY.freshFrames * 40 * share(size) }));
  }

  async #work(queue: string): Promise<void> {
    const { bus } = this.#options;
    for await (const claim of bus.take(queue, this.name, this.#life.signal)) {
      const keeping = setInterval(() => void claim.keep().catch(() => undefined), 1_000);
      await this.#serve(claim).catch((error: unknown) => this.told.push(`error ${String(error)}`));
      clearInterval(keeping);
    }
  }

  async #serve(claim: Claim): Promise<void> {
    const lease = Lease.parse(claim.body);
    const socket = new WebSocket(lease.url, FRAME_LINK_PROTOCOL, { headers: { authorization: `Bearer ${lease.token}` } });
    this.#sockets.add(socket);
    const inbox: Said[] = [];
    let wake = (): void => undefined;
    let closed: number | undefined;
    const end = Promise.withResolvers<void>();
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_, response) => {
      closed = response.statusCode ?? 0;
      socket.terminate();
      end.resolve();
      wake();
    });
    socket.on('close', (code) => {
      closed ??= code;
      end.resolve();
      wake();
    });
    socket.on('message', (data: Buffer) => {
      const said = read(data);
      if (said.type === 'cancel') {
        this.told.push(`cancel ${said.generation}`);
        this.#generation = -1;
        send(socket, { type: 'cancelled', generation: said.generation });
      } else inbox.push(said);
      wake();
    });
    socket.on('open', () => {
      const hello = { type: 'hello', v: 1, worker: this.name, engine: lease.kind && this.#options.engine } as const;
      send(socket, { ...hello, geometry: GEOMETRY, sizes: this.#sizes() });
    });
    let outcome: Outcome | undefined;
    let size: Size = { width: 0, height: 0 };
    while (closed === undefined && outcome === undefined) {
      const said = inbox.shift();
      if (!said) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      if (said.type === 'begin') {
        size = { width: said.width, height: said.height };
        this.#generation = said.generation;
        this.told.push(`begin ${said.generation} ${size.width}x${size.height}`);
        if (!this.told.some((one) => one === 'reference')) send(socket, { type: 'need_reference', hash: said.avatar.reference });
      } else if (said.type === 'reference') this.told.push('reference');
      else if (said.type === 'motion') this.motions.push(said.payload[said.payload.length - i420Bytes(size)]!);
      else if (said.type === 'window') outcome = await this.#draw(socket, said, size);
      else if (said.type === 'bye') outcome = 'done';
    }
    if (closed === 4400 && this.#options.vice === 'babbles and keeps its lease')
      while (await claim.keep()) await sleep(systemClock, 50, this.#life.signal);
    outcome ??= this.#frozen ? 'let go' : outcomeOf(closed);
    if (outcome === 'done') await claim.done();
    else if (outcome === 'handed back') await claim.handBack();
    this.done.push(outcome ?? `closed ${closed}`);
    if (!this.#frozen) socket.close(1000);
    this.#sockets.delete(socket);
  }

  async #draw(socket: WebSocket, order: Said & { type: 'window' }, size: Size): Promise<'handed back' | undefined> {
    const { rtf = 0.2, vice, viceAt = 1, memory = Infinity } = this.#options;
    const { generation, window, startFrame, freshFrames } = order;
    this.asked.push(`${generation}/${window}`);
    this.sounds.push(order.payload.length / 2);
    this.deadlines.push(order.deadlineMs);
    const isBad = vice !== undefined && this.windows === viceAt;
    this.windows += 1;
    if (size.width * size.height > memory || (isBad && vice === 'runs out of memory')) {
      send(socket, { type: 'error', code: 'out_of_memory', message: 'no room', generation, window });
      return 'handed back';
    }
    if (isBad && vice === 'fails') {
      send(socket, { type: 'error', code: 'engine_failed', message: 'NaN', generation, window });
      return 'handed back';
    }
    if (isBad && vice === 'leaves') {
      send(socket, { type: 'bye', reason: 'SIGTERM' });
      return 'handed back';
    }
    if (isBad && vice.startsWith('babbles')) socket.send(Buffer.from('{"type":"frames"}'));
    const share = (size.width * size.height) / (this.#sizes()[0]!.width * this.#sizes()[0]!.height);
    const count = freshFrames + (isBad && vice === 'draws too much' ? 1 : 0);
    const takes = rtf * GEOMETRY.freshFrames * 40 * share;
    send(socket, { type: 'progress', generation, window, done: 0, etaMs: takes });
    for (let at = 0; at < count; at += BATCH) {
      await sleep(systemClock, (takes * BATCH) / GEOMETRY.freshFrames, this.#life.signal);
      if (this.#life.signal.aborted) return undefined;
      if (isBad && at >= count / 2) {
        if (vice === 'vanishes') this.kill();
        if (vice === 'falls silent') this.freeze();
        if (vice === 'gets stuck') await new Promise((resolve) => socket.once('close', resolve));
        if (vice === 'leaves pictures out') break;
      }
      if (this.#generation !== generation && vice !== 'draws what was cancelled') return undefined;
      const length = Math.min(BATCH, count - at);
      const pictures = Array.from({ length }, (_, i) =>
        this.#picture(startFrame + at + i, generation, size, isBad && vice === 'draws black'),
      );
      const sizes = pictures.map((picture) => picture.length);
      send(
        socket,
        { type: 'frames', generation, window, firstFrame: startFrame + at, format: 'i420', ...size, sizes },
        Buffer.concat(pictures),
      );
    }
    send(socket, { type: 'clip_done', generation, window, clipMs: takes, waitedMs: 0 });
    return undefined;
  }

  /** Grey; the first bytes are the frame's number and its generation. */
  #picture(frame: number, generation: number, size: Size, black: boolean): Buffer {
    const picture = Buffer.alloc(i420Bytes(size), 128);
    picture.fill(black ? 16 : 120, 0, size.width * size.height);
    picture[0] = frame % 200;
    picture[1] = generation;
    return picture;
  }
}

/** What becomes of a lease when its link ends like that (docs/frame-link.md). */
function outcomeOf(closed: number | undefined): Outcome | undefined {
  if (closed === 4408 || closed === 4409) return 'let go';
  if (closed === 4400) return 'handed back';
  return closed === 404 || closed === 410 ? 'done' : undefined;
}

function read(data: Buffer): Said {
  const length = data.readUInt32BE();
  const header = ToWorker.parse(JSON.parse(data.toString('utf8', 4, 4 + length)));
  return { ...header, payload: data.subarray(4 + length) };
}

function send(socket: WebSocket, header: ToServer, payload: Buffer = Buffer.of()): void {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  socket.send(Buffer.concat([length, json, payload]), () => undefined);
}
