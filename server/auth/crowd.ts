/** How many of something are there at once, per key; `max` each. */
export class Crowd {
  readonly #max: number;
  readonly #inside = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Takes a place; call the answer, once or more, to give it back. Undefined when there is none. */
  enter(key: string): (() => void) | undefined {
    const inside = this.#inside.get(key) ?? 0;
    if (inside >= this.#max) return undefined;
    this.#inside.set(key, inside + 1);
    let present = true;
    return () => {
      if (present) this.#leave(key);
      present = false;
    };
  }

  #leave(key: string): void {
    const left = (this.#inside.get(key) ?? 1) - 1;
    if (left > 0) this.#inside.set(key, left);
    else this.#inside.delete(key);
  }
}
