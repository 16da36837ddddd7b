import { Worker } from 'node:worker_threads';
import { AvatarError } from '#base/errors.ts';
import { ask, inputOf } from '../darkroom/child.ts';
import { SIDE, type Found } from './detector.ts';
import type { Answer, Question } from './thread.ts';

/** Surely a face; what is less sure is no reason to refuse anything. */
const SURE = 0.7;
/** Faces this much smaller than the largest stand in the background. */
const BYSTANDER = 0.5;
/** The least height of a face, of the picture's longer side. */
const LEAST = 0.08;
/** The picture is looked at as large as possible, and once more at half the size, where faces that fill it are better known. */
const SIZES = [SIDE, SIDE / 2];
const MAX_PIXELS = 4_000_000;

/**
 * Whether one face is seen in a reference picture. Rejects with `bad_request` when there are several, or one too small to speak. False when none
 * is known, which is no mistake: drawings and animals have faces that only engines see. Half a second of work for each size, on a thread of its own.
 */
export async function hasOneFace(path: string, signal: AbortSignal): Promise<boolean> {
  const pictures: Uint8Array[] = [];
  for (const size of SIZES) {
    const fit = `scale=${size}:${size}:force_original_aspect_ratio=decrease,pad=${SIDE}:${SIDE}`;
    const args = [
      ...inputOf({ path, format: 'png_pipe', maxPixels: MAX_PIXELS }),
      '-vf',
      fit,
      '-f',
      'rawvideo',
      '-pix_fmt',
      'rgb24',
    ];
    pictures.push((await ask('ffmpeg', [...args, 'pipe:1'], signal)).answer);
  }
  const answers = await look({ pictures, least: SURE }, signal);
  // A small look sees faces that fill the picture, and now and then one where there is none: it is asked only when the large one saw nothing.
  const [found = []] = answers
    .map((faces, at) => faces.map((face) => enlarged(face, SIDE / (SIZES[at] ?? SIDE))))
    .filter((faces) => faces.length > 0);
  const largest = Math.max(...found.map(({ height }) => height));
  const count = found.filter(({ height }) => height >= BYSTANDER * largest).length;
  if (count > 1) throw new AvatarError('bad_request', `It shows ${count} faces; an avatar is one person: cut it to one.`);
  if (count === 1 && largest < LEAST)
    throw new AvatarError(
      'bad_request',
      `The face in it is too small (${Math.round(largest * 100)} % of the picture): cut it to head and shoulders.`,
    );
  return count === 1;
}

/** In parts of the picture's longer side, whatever size it was looked at. */
const enlarged = ({ score, x, y, width, height }: Found, by: number): Found => ({
  score,
  x: x * by,
  y: y * by,
  width: width * by,
  height: height * by,
});

async function look(question: Question, signal: AbortSignal): Promise<Answer> {
  const thread = new Worker(new URL('./thread.ts', import.meta.url), { name: 'faces', workerData: question });
  const stop = (): void => void thread.terminate();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise<Answer>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', () =>
        reject(
          signal.aborted ? (signal.reason as Error) : new AvatarError('internal', 'The face detector ended without an answer.'),
        ),
      );
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await thread.terminate();
  }
}
