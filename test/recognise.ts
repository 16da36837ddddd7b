import { execa } from 'execa';

/** Debian's pocketsphinx-en-us. */
const MODEL = '/usr/share/pocketsphinx/model/en-us';
const RECOGNISE = `asr=hmm=${MODEL}/en-us:dict=${MODEL}/cmudict-en-us.dict:lm=${MODEL}/en-us.lm.bin`;

/**
 * The English words heard in `sound`, in lower case, joined by single spaces; '' when none was heard.
 * @param sound mono s16le samples when `rate` (Hz) is given, else a whole file of any kind ffmpeg reads.
 */
export async function recognise(sound: Buffer, rate?: number): Promise<string> {
  const format = rate === undefined ? [] : ['-f', 's16le', '-ar', String(rate), '-ac', '1'];
  // The recogniser gives words only after a silence; it hears 16 kHz mono.
  const filter = `aresample=16000,aformat=channel_layouts=mono,apad=pad_dur=2,${RECOGNISE},ametadata=mode=print`;
  // Into the log, because `file=` cuts what it prints after 127 characters.
  const { stderr } = await execa(
    'ffmpeg',
    ['-v', 'info', '-nostats', '-hide_banner', ...format, '-i', 'pipe:0', '-vn', '-af', filter, '-f', 'null', '/dev/null'],
    {
      input: sound,
    },
  );
  return [...stderr.matchAll(/^\[Parsed_ametadata\S* @ \w+\] lavfi\.asr\.text=(.*)$/gm)]
    .flatMap(([, words = '']) => words.toLowerCase().split(/\s+/))
    .filter(Boolean)
    .join(' ');
}

/** How many words of `said` are in `heard`, in the same order. */
export function wordsHeard(said: string, heard: string): number {
  let row = [0];
  const words = heard.split(' ');
  for (const word of wordsOf(said)) {
    const next = [0];
    words.forEach((other, at) => next.push(word === other ? (row[at] ?? 0) + 1 : Math.max(row[at + 1] ?? 0, next[at] ?? 0)));
    row = next;
  }
  return row.at(-1) ?? 0;
}

export const wordsOf = (text: string): string[] => text.toLowerCase().match(/[a-z']+/g) ?? [];
