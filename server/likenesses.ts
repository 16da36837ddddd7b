import { createHash } from 'node:crypto';
import { createCanvas, ImageData } from '@napi-rs/canvas';
import { AvatarError } from '#base/errors.ts';
import type { VideoFrame } from '#base/media.ts';
import { findAvatar } from './avatars/catalogue.ts';
import { likenessOf, USUAL_PROMPT } from './avatars/likeness.ts';
import type { Likeness } from './render/remote/remote.ts';
import type { Renderer } from './render/renderer.ts';

/** Reference pictures of the avatars that `renderer` draws, how each looks when it rests, made at first use; and of those that were made in `folder`. */
export function likenessesOf(renderer: Renderer, folder: string): (avatar: string) => Promise<Likeness> {
  const known = new Map<string, Promise<Likeness>>();
  return async (avatar) => {
    const likeness = await likenessOf(folder, avatar);
    if (likeness) return likeness;
    const made = known.get(avatar) ?? make(renderer, avatar);
    known.set(avatar, made);
    made.catch(() => known.delete(avatar));
    return made;
  };
}

async function make(renderer: Renderer, avatar: string): Promise<Likeness> {
  const { id } = findAvatar(avatar);
  for await (const picture of renderer.idle(id, new AbortController().signal)) {
    const image = pngOf(picture);
    return { id, prompt: USUAL_PROMPT, mime: 'image/png', image, hash: createHash('sha256').update(image).digest('hex') };
  }
  throw new AvatarError('render_failed', `There is no picture of "${id}".`);
}

function pngOf({ width, height, data }: VideoFrame): Uint8Array {
  const image = new ImageData(width, height);
  const chroma = width * height;
  for (let at = 0; at < chroma; at += 1) {
    const place = ((Math.floor(at / width) >> 1) * width) / 2 + ((at % width) >> 1);
    const y = 1.164 * ((data[at] ?? 16) - 16);
    const u = (data[chroma + place] ?? 128) - 128;
    const v = (data[chroma + chroma / 4 + place] ?? 128) - 128;
    // BT.601, limited range; the array clamps.
    image.data.set([y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u, 255], at * 4);
  }
  const canvas = createCanvas(width, height);
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas.toBuffer('image/png');
}
