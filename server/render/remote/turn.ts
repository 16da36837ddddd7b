import type { WorkerPresence } from '#protocol/lease.ts';

/** What may be told of the time until a lease has its turn. */
export interface Turn {
  /** ms until a worker takes it; undefined when nobody can say. */
  readonly inMs: number | undefined;
  /** Workers that take leases. */
  readonly ready: number;
  readonly why: string;
}

/** When a lease with so many before it will be taken, by what workers say of themselves. */
export function turnOf(ahead: number, workers: readonly WorkerPresence[]): Turn {
  const ready = workers.filter(({ state }) => state === 'ready');
  const loading = workers.filter(({ state }) => state === 'loading');
  if (ready.length === 0) {
    const why = loading.length > 0 ? 'the GPU worker is still being loaded' : 'no GPU worker is there';
    return { inMs: undefined, ready: 0, why };
  }
  const slots = ready.flatMap(({ leases, capacity, freeInMs, leaseMs }) => {
    const free = Math.max(0, capacity - leases);
    const later = free > 0 ? leaseMs : freeInMs;
    return [...Array<number>(free).fill(0), later].map((at) => ({ at, leaseMs }));
  });
  for (let turn = 0; ; turn += 1) {
    const next = slots.reduce((first, slot) => (slot.at < first.at ? slot : first));
    if (turn === ahead) return { inMs: next.at, ready: ready.length, why: whyOf(ahead) };
    next.at += next.leaseMs;
  }
}

function whyOf(ahead: number): string {
  if (ahead === 0) return 'the next free GPU is for this answer';
  return `${ahead} ${ahead === 1 ? 'answer waits' : 'answers wait'} for a GPU before this one`;
}
