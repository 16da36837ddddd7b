/** How a word sounds, roughly, read off its letters: the units that the aligner listens for. */
export interface Sound {
  readonly unit: string;
  /** Often written and not heard. */
  readonly mute: boolean;
}

/** Letters that make one sound together, longest first. */
const TOGETHER = [
  'tion', 'sion', 'ture', 'eigh', 'ough', 'augh', 'igh', 'tch', 'dge', 'sch',
  'th', 'sh', 'ch', 'ph', 'wh', 'ck', 'ng', 'qu', 'kn', 'wr', 'gh', 'ee', 'ea', 'oo', 'ou', 'ow', 'oa', 'ai', 'ay', 'ei', 'ey', 'ie', 'oi', 'oy', 'au', 'aw', 'ue', 'ew', 'er', 'ir', 'ur', 'ar', 'or',
] as const; // prettier-ignore

/** What some of them are heard as. */
const HEARD: Readonly<Record<string, readonly string[]>> = {
  tion: ['sh', 'e', 'n'],
  sion: ['sh', 'e', 'n'],
  ture: ['ch', 'er'],
  eigh: ['ai'],
  ough: ['o'],
  augh: ['au'],
  igh: ['ai'],
  tch: ['ch'],
  dge: ['j'],
  sch: ['s', 'k'],
  ge: ['j'],
  ph: ['f'],
  wh: ['w'],
  ck: ['k'],
  qu: ['k', 'w'],
  kn: ['n'],
  wr: ['r'],
  gh: [],
  ay: ['ai'],
  ey: ['ei'],
  oy: ['oi'],
  aw: ['au'],
  ew: ['ue'],
  ir: ['er'],
  ur: ['er'],
  q: ['k'],
  z: ['s'],
  x: ['k', 's'],
};

/** Frequent English words whose letters mislead. */
const IRREGULAR: Readonly<Record<string, string>> = {
  i: 'ai', "i'm": 'ai m', "i'd": 'ai d', "i'll": 'ai l', "i've": 'ai v', a: 'a', the: 'th e', to: 't ue', of: 'o v', one: 'w u n', once: 'w u n s', you: 'y ue', your: 'y or', who: 'h ue',
  use: 'y ue s', used: 'y ue s d', two: 't ue', eye: 'ai', are: 'ar', have: 'h a v', said: 's e d', says: 's e s', does: 'd u s', do: 'd ue', through: 'th r ue', though: 'th oa', although: 'o l th oa',
  enough: 'i n u f', rough: 'r u f', tough: 't u f', laugh: 'l a f', cough: 'k o f', know: 'n oa', could: 'k oo d', would: 'w oo d', should: 'sh oo d', people: 'p ee p l', school: 's k ue l',
  hour: 'ou r', hours: 'ou r s', every: 'e v r ee', been: 'b i n', be: 'b ee', he: 'h ee', she: 'sh ee', me: 'm ee', we: 'w ee', my: 'm ai', by: 'b ai', why: 'w ai', try: 't r ai', there: 'th e r', their: 'th e r', where: 'w e r',
}; // prettier-ignore

const DIGITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const TEENS = 'ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(' ');
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');

/** @param word as it is spoken */
export function soundsOf(word: string): Sound[] {
  const spelled = word.toLowerCase().replace(/\d+/g, (digits) => ` ${numberWords(digits)} `);
  return (
    spelled
      .normalize('NFKD')
      .replace(/\p{M}+/gu, '')
      .match(/\p{L}+(?:['’]\p{L}+)*/gu) ?? []
  ).flatMap(lettersOf);
}

function lettersOf(word: string): Sound[] {
  const irregular = IRREGULAR[word.replace('’', "'")];
  if (irregular !== undefined) return irregular.split(' ').map((unit) => ({ unit, mute: false }));
  const sounds: Sound[] = [];
  const letters = word
    .replace(/['’]/g, '')
    .replace(/(\p{L})\1+/gu, (pair, letter: string) => (letter === 'e' || letter === 'o' ? pair : letter));
  for (let at = 0; at < letters.length;) {
    const rest = letters.slice(at);
    const group = rest === 'ge' ? rest : (TOGETHER.find((one) => rest.startsWith(one)) ?? rest[0] ?? '');
    const isLast = group.length === rest.length;
    for (const unit of HEARD[group] ?? [heardAs(group, rest)]) {
      sounds.push({ unit: /^[a-z]/.test(unit) ? unit : '?', mute: isMute(unit, at, isLast, letters) });
    }
    at += group.length;
  }
  return sounds;
}

/** c and g are soft before e, i and y. */
const heardAs = (letter: string, rest: string): string => (/^c[eiy]/.test(rest) ? 's' : letter === 'c' ? 'k' : letter);

function isMute(unit: string, at: number, isLast: boolean, word: string): boolean {
  if (unit === 'e') return at > 0 && word.length > 2 && (isLast || word.endsWith('ed') || word.endsWith('es') || at > 1);
  return unit === 'h' || unit === 'l' || (unit === 'b' && isLast) || unit === '?' || (unit === 't' && at > 0);
}

/** In English; another language's are of a similar length. */
function numberWords(digits: string): string {
  const value = Number(digits);
  if (digits.length > 6 || (digits.length > 1 && digits.startsWith('0')))
    return Array.from(digits, (one) => DIGITS[Number(one)]).join(' ');
  if (digits.length === 4 && value >= 1_100 && value < 2_100 && value % 1_000 > 9)
    return `${below100(Math.floor(value / 100))} ${value % 100 === 0 ? 'hundred' : below100(value % 100)}`;
  return inWords(value);
}

function inWords(value: number): string {
  const thousands = Math.floor(value / 1_000);
  const hundreds = Math.floor((value % 1_000) / 100);
  const rest = value % 100;
  return [
    thousands > 0 ? `${inWords(thousands)} thousand` : '',
    hundreds > 0 ? `${below100(hundreds)} hundred` : '',
    rest > 0 || value === 0 ? below100(rest) : '',
  ]
    .filter(Boolean)
    .join(' ');
}

function below100(value: number): string {
  if (value < 10) return DIGITS[value] ?? '';
  if (value < 20) return TEENS[value - 10] ?? '';
  return [TENS[Math.floor(value / 10) - 2], value % 10 === 0 ? undefined : DIGITS[value % 10]].filter(Boolean).join(' ');
}
