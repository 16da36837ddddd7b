/** The consumer group of each engine's stream, and whom work belongs to that nobody has any more. */
export const GROUP = 'workers';
export const NOBODY = 'nobody';

/** What one queue is kept under (docs/frame-link.md). The braces keep all of it on one node of a cluster. */
export function keysOf(queue: string) {
  const base = `infinitetalk:{${queue}}`;
  return {
    work: `${base}:work`,
    parked: `${base}:parked`,
    cancelled: `${base}:cancelled`,
    takers: `${base}:takers`,
    taker: (id: string) => `${base}:taker:${id}`,
    id: (id: string) => `${base}:id:${id}`,
  };
}

export type Keys = ReturnType<typeof keysOf>;
