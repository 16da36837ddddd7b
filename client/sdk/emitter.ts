type Listener<Values extends unknown[]> = (...values: Values) => void;
type Listeners<Events extends Record<string, unknown[]>> = { [Name in keyof Events]?: Set<Listener<Events[Name]>> };

/** Typed events: `type XEvents = { name: [value] }`, as mediasoup writes them. */
export class Emitter<Events extends Record<string, unknown[]>> {
  readonly #listeners: Listeners<Events> = {};

  /** Calls `listener` at each event; returns a function that ends it. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = (this.#listeners[name] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  emit<Name extends keyof Events>(name: Name, ...values: Events[Name]): void {
    for (const listener of [...(this.#listeners[name] ?? [])]) listener(...values);
  }
}
