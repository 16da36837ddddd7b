import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AvatarError } from '#base/errors.ts';
import { writeWhole } from '#base/files.ts';
import { FPS, i420Bytes, type Size, type VideoFrame } from '#base/media.ts';
import { FILE_TYPES, type FileType } from '../kinds.ts';
import { ask, inputOf, stream, tooLarge, type Look } from './child.ts';

/** What is taken: sides in px, pixels in all, seconds, and how much longer one side may be than the other. */
const IMAGE = { least: 256, most: 8_192, pixels: 50_000_000 };
const CLIP = { least: 256, most: 4_096, pixels: 9_000_000, seconds: { least: 2, most: 20 } };
const MAX_ASPECT = 3;
/** The longer side of what is kept, px. */
const KEPT = { image: 1_536, clip: 1_280 };

/** FFmpeg's names of the containers, so that it never guesses. */
const FORMATS: Readonly<Record<FileType, string>> = {
  png: 'png_pipe',
  jpeg: 'jpeg_pipe',
  webp: 'webp_pipe',
  mp4: 'mov',
  webm: 'matroska',
};
/** What is behind a flat picture's holes. */
const BACKDROP = '0xd8d4d0';
const HOLEY = /^(rgba|bgra|argb|abgr|ya8|ya16|pal8|yuva|gbra|rgba64)/;

/** What of an upload is kept in its version's folder: made anew from its pixels, without anything else that was in it. */
export const REFERENCE = 'reference.png';
export const CLIP_FILE = 'clip.mp4';

/** What ffprobe says of the picture, where it says it. */
const Facts = z.object({
  streams: z.array(
    z.object({
      width: z.number().catch(0),
      height: z.number().catch(0),
      pix_fmt: z.string().catch(''),
      nb_frames: z.coerce.number().catch(0),
    }),
  ),
});

interface Picture extends Size {
  readonly hasHoles: boolean;
  /** 0 where the container doesn't say. */
  readonly frames: number;
}

/** Makes of an upload what is kept. Rejects with `bad_request` that says what is wrong with it, and leaves nothing then. */
export async function develop(path: string, type: FileType, folder: string, signal: AbortSignal): Promise<void> {
  const kind = FILE_TYPES[type];
  const { pixels: maxPixels } = kind === 'image' ? IMAGE : CLIP;
  const look: Look = { path, format: FORMATS[type], maxPixels };
  const picture = await factsOf(look, signal);
  if (kind === 'image') {
    checkSides(picture, IMAGE);
    await still(look, picture, folder, signal);
    return;
  }
  checkSides(picture, CLIP);
  await shorten(look, folder, signal);
  const kept = keptClip(folder);
  const duration = (await factsOf(kept, signal)).frames / FPS;
  if (duration < CLIP.seconds.least || duration > CLIP.seconds.most + 1) {
    await rm(kept.path);
    throw wrong(`The clip has ${duration.toFixed(1)} s; it must have ${CLIP.seconds.least} to ${CLIP.seconds.most}.`);
  }
  await still(kept, picture, folder, signal);
}

/** Pictures of a developed clip. */
export async function clipLength(folder: string, signal: AbortSignal): Promise<number> {
  const { frames } = await factsOf(keptClip(folder), signal);
  return frames;
}

/** A developed clip's pictures, filled into `size` and at the stage's rate. */
export async function* clipPictures(
  folder: string,
  { width, height }: Size,
  signal: AbortSignal,
): AsyncGenerator<VideoFrame, void, undefined> {
  const size = `${width}:${height}`;
  const fill = `scale=${size}:force_original_aspect_ratio=increase:in_color_matrix=bt601:out_color_matrix=bt601,crop=${size}`;
  const args = [...inputOf(keptClip(folder)), '-vf', `${fill},fps=${FPS},format=yuv420p`, '-f', 'rawvideo', 'pipe:1'];
  let at = 0;
  let data = new Uint8Array(i420Bytes({ width, height }));
  for await (const bytes of stream(args, signal)) {
    for (let from = 0; from < bytes.length;) {
      const part = bytes.subarray(from, from + data.length - at);
      data.set(part, at);
      at += part.length;
      from += part.length;
      if (at < data.length) continue;
      yield { width, height, data };
      data = new Uint8Array(data.length);
      at = 0;
    }
  }
}

const keptClip = (folder: string): Look => ({ path: join(folder, CLIP_FILE), format: 'mov', maxPixels: CLIP.pixels });

async function factsOf(look: Look, signal: AbortSignal): Promise<Picture> {
  const fields = 'stream=width,height,pix_fmt,nb_frames';
  const wanted = ['-of', 'json', '-select_streams', 'v:0', '-show_entries', fields];
  const { answer, complaints } = await ask('ffprobe', [...inputOf(look), ...wanted], signal);
  const { streams } = Facts.parse(JSON.parse(Buffer.from(answer).toString()));
  const [stream] = streams;
  if (!stream || stream.width === 0 || stream.height === 0)
    throw tooLarge(complaints) ?? wrong('The file holds no picture that can be decoded.');
  const { width, height, pix_fmt, nb_frames: frames } = stream;
  return { width, height, hasHoles: HOLEY.test(pix_fmt), frames };
}

function checkSides({ width, height }: Size, { least, most, pixels }: typeof IMAGE): void {
  const sides = `Its picture has ${width}×${height} px`;
  if (Math.min(width, height) < least || Math.max(width, height) > most || width * height > pixels)
    throw wrong(`${sides}; sides of ${least} to ${most} px are allowed, and ${pixels / 1_000_000} million in all.`);
  if (Math.max(width, height) > MAX_ASPECT * Math.min(width, height))
    throw wrong(`${sides}; no side may be more than ${MAX_ASPECT} times as long as the other.`);
}

/** The (first) picture as PNG, turned as its camera says, on a plain backdrop where it has holes. */
async function still(look: Look, { width, height, hasHoles }: Picture, folder: string, signal: AbortSignal): Promise<void> {
  const scale = within(KEPT.image);
  const flat = `color=c=${BACKDROP}:s=${width}x${height}[back];[back][0:v]overlay=shortest=1:format=rgb,${scale},format=rgb24`;
  const filter = hasHoles ? ['-filter_complex', flat] : ['-vf', `${scale},format=rgb24`];
  const output = ['-frames:v', '1', '-map_metadata', '-1', '-f', 'image2pipe', '-c:v', 'png', 'pipe:1'];
  // Half a picture is refused; a clip's first one has been made here.
  const strict = ['-xerror', '-err_detect', 'explode'];
  const { answer: png } = await ask('ffmpeg', [...strict, ...inputOf(look), ...filter, ...output], signal);
  if (png.length === 0) throw wrong(`The file holds no picture (${width}×${height} px are said).`);
  await writeWhole(join(folder, REFERENCE), png);
}

/** The clip without sound, at the stage's rate, no longer than allowed by much. */
async function shorten(look: Look, folder: string, signal: AbortSignal): Promise<void> {
  const path = join(folder, CLIP_FILE);
  const filter = `fps=${FPS},${within(KEPT.clip)}:out_color_matrix=bt601:out_range=tv,format=yuv420p`;
  const h264 = '-c:v libx264 -preset veryfast -crf 14 -threads 1 -an -sn -dn -map_metadata -1'.split(' ');
  // A second more than allowed, so that one that is too long is seen to be.
  const most = String(CLIP.seconds.most + 2);
  const args = [...inputOf(look), '-map', '0:v:0', '-t', most, '-vf', filter, ...h264, '-f', 'mp4', '-y', `${path}.new`];
  try {
    await ask('ffmpeg', args, signal);
    await rename(`${path}.new`, path);
  } finally {
    await rm(`${path}.new`, { force: true });
  }
}

/** Made smaller to fit, never larger, with even sides. */
const within = (side: number): string =>
  `scale='min(${side},iw)':'min(${side},ih)':force_original_aspect_ratio=decrease:force_divisible_by=2`;

const wrong = (message: string): AvatarError => new AvatarError('bad_request', message);
