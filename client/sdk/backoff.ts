const FIRST = 400;
/** For about half a minute a network or a server that is back shall be found within 2 s. */
const PATIENT_AFTER = 20;
const LONG = 2_000;
const LONGEST = 10_000;

/** How long to wait before attempt `attempt` (0 is the first retry), ms: doubling, half of it by chance so that viewers don't come back all at once. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(attempt < PATIENT_AFTER ? LONG : LONGEST, FIRST * 2 ** attempt);
  return ceiling / 2 + (random() * ceiling) / 2;
}
