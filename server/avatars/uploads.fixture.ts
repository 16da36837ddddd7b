import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync, crc32 } from 'node:zlib';
import { execa } from 'execa';

/** Makes a file with ffmpeg out of its test source; `args` come before its name. */
async function made(folder: string, name: string, source: string, args: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await execa('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', source, ...args, path]);
  return path;
}

/** A still picture; its type follows its name. */
export const picture = (folder: string, name: string, size = '640x480'): Promise<string> =>
  made(folder, name, `testsrc2=s=${size}:d=1`, ['-frames:v', '1', '-pix_fmt', name.endsWith('.png') ? 'rgb24' : 'yuvj420p']);

/** Something that moves slowly, as somebody does who listens. */
export const clip = (folder: string, name: string, seconds = 3, size = '320x320'): Promise<string> =>
  made(folder, name, `gradients=s=${size}:d=${seconds}:r=30:speed=0.005:c0=0x806040:c1=0x405080`, [
    ...(name.endsWith('.webm') ? ['-c:v', 'libvpx', '-deadline', 'realtime'] : ['-c:v', 'libx264', '-preset', 'ultrafast']),
    ...['-pix_fmt', 'yuv420p'],
  ]);

/** A PNG of one colour that is a thousand times larger once it is unpacked. */
export function pixelBomb(width: number, height: number): Buffer {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([1, 0], 8);
  const pixels = deflateSync(Buffer.alloc(height * (1 + Math.ceil(width / 8))), { level: 9 });
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

/** A form as browsers send it. */
export async function formOf(
  fields: Record<string, string>,
  files: Record<string, string | Uint8Array<ArrayBuffer>>,
): Promise<FormData> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  for (const [name, file] of Object.entries(files))
    form.set(name, new Blob([typeof file === 'string' ? await readFile(file) : file]), 'from-a-phone.bin');
  return form;
}
