import type { AvatarKind } from '#protocol/http.ts';

/** Engines that can show each kind. `clip` is no renderer: it shows a clip as it is, without lips. */
export const ENGINES: Readonly<Record<AvatarKind, readonly string[]>> = {
  drawn: ['portrait', 'remote'],
  image: ['remote'],
  clip: ['remote', 'clip'],
};

/** How a renderer shows a kind: by drawing it, as the clip it is, or not at all. Only `portrait` is choosy: it moves the parts of a drawing. */
export function shownBy(kind: AvatarKind, renderer: string): 'renderer' | 'clip' | 'none' {
  if (kind === 'drawn' || renderer !== 'portrait') return 'renderer';
  return kind === 'clip' ? 'clip' : 'none';
}

/** What is taken as an upload, by what it is. */
export const FILE_TYPES = {
  png: 'image',
  jpeg: 'image',
  webp: 'image',
  mp4: 'clip',
  webm: 'clip',
} as const satisfies Record<string, AvatarKind>;
export type FileType = keyof typeof FILE_TYPES;

export const TYPE_NAMES: Readonly<Record<'image' | 'clip', string>> = { image: 'PNG, JPEG or WebP', clip: 'MP4 or WebM' };

/** Bytes that `typeOf` wants to see. */
export const HEAD = 16;

/** Stills in the MP4 container: HEIF and AVIF. */
const STILLS = /^(heic|heix|hevc|heim|heis|mif1|msf1|avif|avis)$/;

/** The type by content, whatever its name or the client says; undefined for all others, text such as SVG among them. */
export function typeOf(head: Uint8Array): FileType | undefined {
  const text = Buffer.from(head).toString('latin1');
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'webp';
  if (text.startsWith('\x1a\x45\xdf\xa3')) return 'webm';
  if (text.slice(4, 8) === 'ftyp' && !STILLS.test(text.slice(8, 12))) return 'mp4';
  return undefined;
}
