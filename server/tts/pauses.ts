/** What is left of the silence that a synthesiser puts around its sound. In samples; `hush` in s16 units. */
export interface Pauses {
  /** The loudest a sample of silence gets. */
  readonly hush: number;
  /** At most this much before the first loud sample. */
  readonly before: number;
  /** Exactly this much after the last loud sample. */
  readonly after: number;
}

/** Streams `sound` with these pauses at its ends; pauses within it stay. Sound that is silent throughout yields nothing. */
export async function* withPauses(
  sound: AsyncIterable<Int16Array>,
  { hush, before, after }: Pauses,
): AsyncGenerator<Int16Array, void> {
  const isLoud = (sample: number): boolean => Math.abs(sample) > hush;
  let begun = false;
  // Quiet samples that are a pause if more sound follows, and the end if not.
  let held: Int16Array = new Int16Array(0);
  for await (const samples of sound) {
    const last = samples.findLastIndex(isLoud);
    if (last < 0) {
      held = join(held, samples);
      if (!begun) held = held.slice(Math.max(0, held.length - before));
      continue;
    }
    const first = begun ? 0 : Math.max(0, held.length + samples.findIndex(isLoud) - before);
    yield join(held, samples.subarray(0, last + 1)).subarray(first);
    begun = true;
    held = samples.slice(last + 1);
  }
  if (begun && after > 0) yield join(held.subarray(0, after), new Int16Array(Math.max(0, after - held.length)));
}

function join(a: Int16Array, b: Int16Array): Int16Array {
  const whole = new Int16Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
