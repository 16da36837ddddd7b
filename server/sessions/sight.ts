import { randomUUID } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import type { Still } from '#base/media.ts';
import type { ImageShown } from '#protocol/http.ts';
import type { Look } from '#protocol/signalling.ts';

/** How long an image waits for its prompt, ms. */
const KEPT = 30_000;
/** So many images may wait at once; of more the oldest is forgotten. */
const MAX_HELD = 2;
/** How long a turn that is spoken waits for its image, ms: meanwhile it is thought of, and from 700 ms on a filler says so. */
const PATIENCE = 2_000;
/** An image that was asked for no longer ago than this is still of now, ms: a reply may be begun several times in one turn. */
const FRESH = 2_500;

/** What was asked for. */
interface Looked {
  readonly at: number;
  readonly still: Promise<Still | undefined>;
  readonly answer: (still?: Still) => void;
  isAnswered: boolean;
  /** By the turn that it was asked for. */
  isTaken: boolean;
}

/** What the host shows to the avatar: the newest images only, in memory only, and no longer than a turn may want them. */
export class Sight {
  /** The model takes images. */
  readonly sees: boolean;
  readonly #clock: Clock;
  /** Clients that can be asked for an image, the newest last. */
  readonly #clients = new Set<(look: Look) => void>();
  readonly #held = new Map<string, { readonly still: Still; readonly cancel: () => void }>();
  #looked: Looked | undefined;
  #forgetLooked: () => void = () => undefined;

  constructor(sees: boolean, clock: Clock) {
    this.sees = sees;
    this.#clock = clock;
  }

  /** A client has something to show, until the answer is called. Throws AvatarError `conflict` where the model doesn't see. */
  open(ask: (look: Look) => void): () => void {
    this.#expectSeeing();
    this.#clients.add(ask);
    return () => void this.#clients.delete(ask);
  }

  /** An image has come: for the prompt that names it, and for the turn that waits for one. Throws AvatarError `conflict` where the model doesn't see. */
  show(still: Still): ImageShown {
    this.#expectSeeing();
    const { width, height } = still;
    const id = randomUUID();
    const oldest = this.#held.keys().next().value;
    if (this.#held.size >= MAX_HELD && oldest !== undefined) this.used(oldest);
    this.#held.set(id, { still, cancel: this.#clock.at(this.#clock.now() + KEPT, () => this.used(id)) });
    this.#answer(still);
    return { imageId: id, width, height };
  }

  /** The image with this id. Throws AvatarError `not_found`, `conflict` where the model doesn't see. */
  shown(id: string): Still {
    this.#expectSeeing();
    const held = this.#held.get(id);
    if (held) return held.still;
    throw new AvatarError(
      'not_found',
      `There is no such image: each is kept for ${KEPT / 1_000} s and one prompt, ${MAX_HELD} at once.`,
    );
  }

  /** Its prompt was taken. */
  used(id: string): void {
    this.#held.get(id)?.cancel();
    this.#held.delete(id);
  }

  /** An image of now for a turn that is spoken, or none when it doesn't come in time; undefined where nobody shows anything. */
  look(): Promise<Still | undefined> | undefined {
    const ask = [...this.#clients].at(-1);
    if (!ask) return undefined;
    const now = this.#clock.now();
    if (this.#looked && now - this.#looked.at < FRESH) return this.#looked.still;
    this.#forgetLooked();
    const { promise: still, resolve } = Promise.withResolvers<Still | undefined>();
    this.#looked = { at: now, still, answer: resolve, isAnswered: false, isTaken: false };
    const late = this.#clock.at(now + PATIENCE, () => resolve(undefined));
    const old = this.#clock.at(now + FRESH, () => this.#forgetLooked());
    this.#forgetLooked = () => {
      late();
      old();
      resolve(undefined);
      this.#looked = undefined;
      this.#forgetLooked = () => undefined;
    };
    ask({ withinMs: PATIENCE });
    return still;
  }

  /** The turn has begun that an image was asked for: the next one is asked for another. */
  taken(): void {
    if (!this.#looked) return;
    this.#looked.isTaken = true;
    if (this.#looked.isAnswered) this.#forgetLooked();
  }

  /** Nothing of it is left. Idempotent. */
  close(): void {
    this.#clients.clear();
    for (const id of [...this.#held.keys()]) this.used(id);
    this.#forgetLooked();
  }

  #answer(still: Still): void {
    const looked = this.#looked;
    if (!looked || looked.isAnswered) return;
    looked.isAnswered = true;
    looked.answer(still);
    if (looked.isTaken) this.#forgetLooked();
  }

  #expectSeeing(): void {
    if (this.sees) return;
    throw new AvatarError('conflict', 'The model of this server takes no images; one that does is told of by LLM_VISION=on.');
  }
}
