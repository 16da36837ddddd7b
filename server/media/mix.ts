/** A picture between two of the same size: `weight` 0 is the first, 1 the second. */
export function mix(a: Uint8Array, b: Uint8Array, weight: number, into: Uint8Array): void {
  const share = Math.round(weight * 256);
  const rest = 256 - share;
  for (let i = 0; i < into.length; i += 1) into[i] = ((a[i] as number) * rest + (b[i] as number) * share) >> 8;
}
