/**
 * Signed 16 bit samples from little-endian bytes cut anywhere; a byte without its other half at the end is dropped.
 * Read as they lie in memory: Node's platforms here (x64, arm64) are little-endian.
 */
export async function* samplesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Int16Array, void> {
  let odd = new Uint8Array(0);
  for await (const piece of bytes) {
    const all = new Uint8Array(odd.length + piece.length);
    all.set(odd);
    all.set(piece, odd.length);
    const count = all.length >> 1;
    odd = all.slice(count * 2);
    if (count > 0) yield new Int16Array(all.buffer, 0, count);
  }
}
