import { createCanvas, loadImage } from '@napi-rs/canvas';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AvatarError } from '#base/errors.ts';
import { IMAGE } from '#protocol/http.ts';
import { jpeg } from './still.fixture.ts';
import { readStill } from './still.ts';

const segment = (marker: number, text: string): Buffer =>
  Buffer.concat([Buffer.from([0xff, marker, 0, text.length + 2]), Buffer.from(text)]);
/** With something put in after its first two bytes. */
const withInside = (image: Buffer, ...inside: Buffer[]): Buffer =>
  Buffer.concat([image.subarray(0, 2), ...inside, image.subarray(2)]);
const codeOf = (bytes: Uint8Array): string => {
  try {
    readStill(bytes);
    return 'taken';
  } catch (error) {
    return (error as AvatarError).code;
  }
};

test('takes the picture, and nothing else that is in the file', async () => {
  const plain = jpeg(640, 360);
  const loaded = withInside(
    plain,
    segment(0xe1, 'Exif\0\0 taken at 52.5N 13.4E'),
    Buffer.from([0xff]),
    segment(0xfe, 'a comment'),
    segment(0xe0, 'JFXX\0 a thumbnail'),
  );
  const still = readStill(Buffer.concat([loaded, Buffer.from('PK and an archive behind it')]));
  expect(still).toMatchObject({ width: 640, height: 360 });
  const kept = Buffer.from(still.jpeg).toString('latin1');
  for (const hidden of ['52.5N', 'a comment', 'a thumbnail', 'archive']) expect(kept).not.toContain(hidden);
  const [before, after] = await Promise.all([pixels(plain), pixels(Buffer.from(still.jpeg))]);
  expect(after.equals(before)).toBe(true);
});

test.each<[string, () => Uint8Array, string]>([
  ['nothing', () => new Uint8Array(), 'unsupported_media_type'],
  ['a PNG', () => createCanvas(32, 32).toBuffer('image/png'), 'unsupported_media_type'],
  ['SVG', () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'unsupported_media_type'],
  ['two bytes of a JPEG', () => Buffer.from([0xff, 0xd8]), 'bad_request'],
  ['half a JPEG', () => jpeg(640, 360).subarray(0, 900), 'bad_request'],
  ['a JPEG without a picture', () => Buffer.from([0xff, 0xd8, 0xff, 0xd9]), 'bad_request'],
  ['one that is too wide', () => jpeg(IMAGE.most + 1, 32), 'bad_request'],
  ['one that is too small', () => jpeg(IMAGE.least - 1, 32), 'bad_request'],
  ['too many bytes', () => new Uint8Array(IMAGE.bytes + 1), 'payload_too_large'],
  ['an arithmetic one', () => withInside(jpeg(), segment(0xc9, '\x08\x00\x30\x00\x40\x03')), 'bad_request'],
])('refuses %s', (_name, bytes, code) => {
  expect(codeOf(bytes())).toBe(code);
});

test('whatever is changed in a file, it is taken or refused, and stays as small as it says', () => {
  const image = jpeg(64, 48);
  const change = fc.record({ at: fc.nat(image.length - 1), to: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 6 }), fc.nat(image.length), (changes, length) => {
      const bytes = Buffer.from(image.subarray(0, length));
      for (const { at, to } of changes) if (at < length) bytes[at] = to;
      try {
        const { width, height, jpeg: kept } = readStill(bytes);
        expect([width, height].every((side) => side >= IMAGE.least && side <= IMAGE.most)).toBe(true);
        expect(kept.length).toBeLessThanOrEqual(length);
      } catch (error) {
        expect(error).toBeInstanceOf(AvatarError);
      }
    }),
    { numRuns: 2_000 },
  );
});

async function pixels(image: Buffer): Promise<Buffer> {
  const decoded = await loadImage(image);
  const canvas = createCanvas(decoded.width, decoded.height);
  canvas.getContext('2d').drawImage(decoded, 0, 0);
  return Buffer.from(canvas.data());
}
