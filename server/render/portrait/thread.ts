import { parentPort, workerData } from 'node:worker_threads';
import { i420Bytes, type Size } from '#base/media.ts';
import { Face, type Order } from './face.ts';
import type { PortraitAvatar } from './look.ts';

/** What the thread is started with. */
export interface Start {
  readonly avatars: readonly PortraitAvatar[];
  readonly size: Size;
}

/** Pictures to draw, one per order. Answers come in the order of the questions. */
export interface Question {
  readonly id: number;
  readonly avatar: string;
  readonly orders: readonly Order[];
  /** 0 once nobody wants the pictures any more, shared with who asks: a message would only come after them. */
  readonly wanted?: Int32Array | undefined;
}

/** `ready` once, before all others. Fewer pictures than orders are those that were still wanted. */
export type Answer =
  | { readonly ready: true }
  | { readonly id: number; readonly pictures: Uint8Array<ArrayBuffer>[] }
  | { readonly id: number; readonly failure: unknown };

const { avatars, size } = workerData as Start;
const port = parentPort;
if (!port) throw new Error('The portrait thread runs in a worker thread only.');

/** Each face is taken apart once, when it is first asked for. */
const faces = new Map<string, Promise<Face>>();

function faceOf(id: string): Promise<Face> {
  const known = faces.get(id);
  if (known) return known;
  const avatar = avatars.find((one) => one.id === id);
  if (!avatar) return Promise.reject(new Error(`The portrait thread has no avatar "${id}".`));
  const face = Face.create(avatar, size);
  faces.set(id, face);
  return face;
}

async function answer({ id, avatar, orders, wanted }: Question): Promise<void> {
  try {
    const face = await faceOf(avatar);
    const pictures: Uint8Array<ArrayBuffer>[] = [];
    for (const order of orders) {
      if (wanted && Atomics.load(wanted, 0) === 0) break;
      const picture = new Uint8Array(i420Bytes(size));
      face.draw(order, picture);
      pictures.push(picture);
    }
    port?.postMessage(
      { id, pictures } satisfies Answer,
      pictures.map((picture) => picture.buffer),
    );
  } catch (failure) {
    port?.postMessage({ id, failure } satisfies Answer);
  }
}

// Strictly one after the other: when the thread dies, it died of the first that is unanswered.
let work = Promise.resolve();
port.on('message', (question: Question) => {
  work = work.then(() => answer(question));
});
port.postMessage({ ready: true } satisfies Answer);
