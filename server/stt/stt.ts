export interface Transcript {
  readonly text: string;
  readonly final: boolean;
}

/** Speech to text. `pcm` is mono s16 at 16 kHz; ends when `pcm` ends or `signal` aborts. */
export interface Stt {
  readonly name: string;
  transcribe(pcm: AsyncIterable<Int16Array>, language: string, signal: AbortSignal): AsyncIterable<Transcript>;
}
