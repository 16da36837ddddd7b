/** Signed 16 bit little-endian samples from bytes cut anywhere; a byte without its other half at the end is dropped. */
export async function* samplesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Int16Array, void> {
  let odd = new Uint8Array(0);
  for await (const piece of bytes) {
    const all = new Uint8Array(odd.length + piece.length);
    all.set(odd);
    all.set(piece, odd.length);
    const count = all.length >> 1;
    odd = all.slice(count * 2);
    if (count > 0) yield read(all, count);
  }
}

function read(bytes: Uint8Array, count: number): Int16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, count * 2);
  return Int16Array.from({ length: count }, (_, index) => view.getInt16(index * 2, true));
}
