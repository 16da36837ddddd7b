import { expect, test } from 'vitest';
import { shownBy, typeOf } from './kinds.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

test.each([
  ['\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'png'],
  ['\xff\xd8\xff\xe0\0\x10JFIF', 'jpeg'],
  ['RIFF\x10\0\0\0WEBPVP8 ', 'webp'],
  ['\0\0\0\x20ftypisom', 'mp4'],
  ['\0\0\0\x14ftypqt  ', 'mp4'],
  ['\x1a\x45\xdf\xa3\x01\0\0\0', 'webm'],
])('%j is known by its content', (head, type) => {
  expect(typeOf(bytes(head))).toBe(type);
});

test.each([
  '<svg xmlns="http://www.w3.org/2000/svg">',
  '<?xml version="1.0"?><svg/>',
  'GIF89a',
  '#EXTM3U\n/etc/passwd',
  'ffconcat version 1.0',
  '%PDF-1.7',
  'PK\x03\x04',
  'RIFF\x10\0\0\0WAVE',
  '\0\0\0\x20ftypheic',
  '\0\0\0\x20ftypavif',
  ' \x89PNG\r\n\x1a\n',
  '',
])('%j is not taken', (head) => {
  expect(typeOf(bytes(head))).toBeUndefined();
});

test('only the portrait renderer is choosy: it moves drawings, shows clips as they are, and can do nothing with a photograph', () => {
  const kinds = ['drawn', 'image', 'clip'] as const;
  expect(kinds.map((kind) => shownBy(kind, 'portrait'))).toEqual(['renderer', 'none', 'clip']);
  for (const renderer of ['remote', 'pattern'])
    expect(kinds.map((kind) => shownBy(kind, renderer))).toEqual(kinds.map(() => 'renderer'));
});
