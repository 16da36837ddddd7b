import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { createDetector, type Found } from './detector.ts';

/** Pictures of SIDE × SIDE px, and the least score that counts. */
export interface Question {
  readonly pictures: readonly Uint8Array[];
  readonly least: number;
}

/** What was found in each. */
export type Answer = readonly (readonly Found[])[];

const { pictures, least } = workerData as Question;
const detect = createDetector(readFileSync(new URL('./tiny-face-detector.bin', import.meta.url)));
parentPort?.postMessage(pictures.map((picture) => detect(picture, least)) satisfies Answer);
