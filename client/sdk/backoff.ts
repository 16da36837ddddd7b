const FIRST = 400;
const LONGEST = 10_000;

/** How long to wait before attempt `attempt` (0 is the first retry), ms: doubling, at most 10 s, half of it by chance so that viewers don't come back all at once. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST, FIRST * 2 ** attempt);
  return ceiling / 2 + (random() * ceiling) / 2;
}
