import type { Owned } from './owned.ts';

/** How often is looked, ms. */
const LOOK_EVERY = 250;
/** A stage on air sends 75 packets a second; without any for so long the path is gone, ms. Browsers take 5 s and more to say so. */
export const SILENCE = 1_000;

export interface FlowEvents {
  /** Once for each silence. */
  silent(): void;
  /** At each look that finds new packets. */
  flowing(): void;
}

/** Whether packets arrive, by their number so far. Pure, so that time can be made up. */
export class Flow {
  #packets = 0;
  #since: number;
  #isSilent = false;

  constructor(atMs: number) {
    this.#since = atMs;
  }

  look(packets: number, atMs: number): keyof FlowEvents | undefined {
    if (packets !== this.#packets) {
      this.#packets = packets;
      this.#since = atMs;
      this.#isSilent = false;
      return 'flowing';
    }
    if (this.#isSilent || atMs - this.#since < SILENCE) return undefined;
    this.#isSilent = true;
    return 'silent';
  }
}

/** Looks until `owned` is closed. `count` tells how many packets have arrived so far. */
export function watchFlow(count: () => Promise<number>, owned: Owned, events: FlowEvents): void {
  const flow = new Flow(performance.now());
  const look = async (): Promise<void> => {
    const found = flow.look(await count(), performance.now());
    if (found && owned.state === 'open') events[found]();
  };
  owned.every(LOOK_EVERY, () => void look().catch(() => undefined));
}
