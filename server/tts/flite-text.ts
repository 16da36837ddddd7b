const SPELLED: Readonly<Record<string, string>> = {
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  '–': ', ',
  '—': ', ',
  ß: 'ss',
  æ: 'ae',
  Æ: 'Ae',
  œ: 'oe',
  Œ: 'Oe',
  ø: 'o',
  Ø: 'O',
  ł: 'l',
  Ł: 'L',
  đ: 'd',
  Đ: 'D',
};

/** `text` in the only characters flite reads, printable ASCII: accents dropped, quotes and dashes straightened, the rest a space. */
export function plain(text: string): string {
  return text
    .replace(/[‘’“”–—ßæÆœŒøØłŁđĐ]/g, (character) => SPELLED[character] ?? ' ')
    .normalize('NFKD')
    .replace(/\p{Mark}+/gu, '')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
}

/** Whether flite has anything to pronounce in `text`, given as `plain` returns it. */
export const isSayable = (text: string): boolean => /[a-z0-9]/i.test(text);

/** Whether a sentence ends with `text`, so that a longer pause follows. */
export const endsSentence = (text: string): boolean => /[.!?]["')\]]*$/.test(text);
