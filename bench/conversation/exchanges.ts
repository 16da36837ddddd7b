import { setTimeout as sleep } from 'node:timers/promises';
import type { Turn } from '#protocol/http.ts';
import { wordsHeard, wordsOf } from '#test/recognise.ts';
import { clipped, cough, spoken } from '#test/support/host-voice.ts';
import { wentBack } from './continuity.ts';
import type { Host } from './host.ts';

/** What came of one of the ten: what was wrong about it, if anything. */
export interface Came {
  /** What the server understood. */
  readonly understood: string;
  /** The share of the host's words in it, and of the avatar's words that were recognised in what the page played, %. */
  readonly words: number | '';
  readonly heard: number | '';
  /** Where the avatar was silenced and went on: how far before that, ms, each time. */
  readonly back?: readonly number[];
  readonly wrong: readonly string[];
}

export interface Exchange {
  readonly host: string;
  readonly expected: string;
  run(host: Host): Promise<Came>;
}

/** Shares of words from which they count as understood, and as heard: the offline recogniser mistakes some also in clean sound. */
const UNDERSTOOD = 60;
const HEARD = 50;
/** A reply on air is let speak for so long before something happens, ms. */
const SPEAKS = 5_000;
/** Whoever isn't to be answered waits so long to be sure, ms. */
const NO_ANSWER = 3_000;

const share = (said: string, heard: string): number =>
  Math.round((100 * wordsHeard(said, heard)) / Math.max(1, wordsOf(said).length));

const complaints = (found: Readonly<Record<string, boolean>>): string[] =>
  Object.entries(found).flatMap(([complaint, isSo]) => (isSo ? [complaint] : []));

/** Something is asked, in one breath or with pauses (ms), and answered to the end. Noises come before it, or none. */
function question(
  parts: readonly (string | number)[],
  more: Partial<Exchange> & { readonly before?: () => Promise<Buffer> } = {},
): Exchange {
  const said = parts.filter((part) => typeof part === 'string').join(' ');
  return {
    host: more.host ?? `“${parts.map((part) => (typeof part === 'number' ? `… ${String(part)} ms …` : part)).join(' ')}”`,
    expected: more.expected ?? 'answers once, to all of it',
    async run(host) {
      const sounds = await Promise.all(parts.map((part) => (typeof part === 'number' ? Promise.resolve(part) : clipped(part))));
      const index = (await host.turns()).length;
      if (more.before) await host.says(await more.before(), NO_ANSWER);
      const early = (await host.turns()).length > index;
      const words = await host.hears();
      await host.says(...sounds);
      const turn = await host.turn(index, 'done', 'interrupted', 'failed');
      const heard = await words();
      return came(said, turn, heard, {
        'a noise was taken for words': early,
        'it was answered more than once': (await host.turns()).length > index + 1,
        'its reply was not spoken to the end': turn?.state !== 'done',
      });
    },
  };
}

function came(said: string, turn: Turn | undefined, heard: string, wrong: Readonly<Record<string, boolean>>): Came {
  const [understood, spokenText] = [turn?.prompt ?? '', turn?.spoken ?? ''];
  const [words, played] = [share(said, understood), share(spokenText, heard)];
  return {
    understood,
    words,
    heard: played,
    wrong: complaints({
      'it was not answered': !turn,
      ...wrong,
      'it was misunderstood': words < UNDERSTOOD,
      'the reply was not recognised': played < HEARD,
    }),
  };
}

/** A story begins, something small happens meanwhile, and it goes on. */
function undisturbed(ask: string, host: string, expected: string, what: () => Promise<Buffer>): Exchange {
  return {
    host,
    expected,
    async run(person) {
      const [asked, small] = await Promise.all([spoken(ask), what()]);
      const index = (await person.turns()).length;
      const words = await person.hears();
      await person.says(asked);
      const turn = await person.turn(index, 'speaking');
      await sleep(SPEAKS);
      const since = person.captions.length;
      await person.says(small);
      await sleep(SPEAKS);
      const all = await person.turns();
      const heard = await words();
      const back = wentBack(person.captions.slice(Math.max(0, since - 1)), (await person.stage()).epochMs);
      // What is on air just now is heard only in part.
      const found = came(ask, turn && { ...turn, spoken: sentencesBefore(all[index]?.spoken ?? '') }, heard, {
        'the reply ended': all[index]?.state !== 'speaking',
        'it was answered': all.length > index + 1,
        'it did not go on at the same word': back.some((word) => !word.isSame),
      });
      return { ...found, back: back.map(({ ms }) => ms) };
    },
  };
}

const sentencesBefore = (text: string): string => text.slice(0, Math.max(text.lastIndexOf('. ') + 1, 0)) || text;

/** The story on air is talked over: it ends, and what was said is answered. */
const interruption = (words: string): Exchange => ({
  host: `“${words}”, over the avatar's voice`,
  expected: 'falls silent, and answers that',
  async run(host) {
    const sound = await spoken(words);
    const index = (await host.turns()).length;
    const listen = await host.hears();
    await host.says(sound);
    const turn = await host.turn(index, 'done', 'interrupted', 'failed');
    const heard = await listen();
    const all = await host.turns();
    return came(words, turn, heard, {
      'what was on air did not end': all[index - 1]?.state !== 'interrupted',
      'it was answered more than once': all.length > index + 1,
      'its reply was not spoken to the end': turn?.state !== 'done',
    });
  },
});

/** The story on air is stopped, which is all that was wanted. */
const command = (words: string): Exchange => ({
  host: `“${words}”, over the avatar's voice`,
  expected: 'falls silent, and says nothing',
  async run(host) {
    const sound = await spoken(words);
    const index = (await host.turns()).length;
    await host.says(sound, NO_ANSWER);
    const all = await host.turns();
    return {
      understood: all[index]?.prompt ?? '',
      words: '',
      heard: '',
      wrong: complaints({
        'what was on air did not end': all[index - 1]?.state !== 'interrupted',
        'it was answered': all.length > index,
      }),
    };
  },
});

export const EXCHANGES: readonly Exchange[] = [
  question(['what time is it']),
  question(['i want to know what', 800, 'time it is']),
  question(['what can you do'], {
    host: 'coughs, is silent, and asks “what can you do”',
    before: cough,
    expected: 'answers the question only',
  }),
  undisturbed('tell me a story', 'asks for a story, and says “okay” meanwhile', 'goes on at the same word', () => spoken('okay')),
  interruption('please tell me what time it is'),
  question(['and what is the', 600, 'time of the day']),
  undisturbed('tell me another story', 'asks for another, and coughs meanwhile', 'goes on at the same word', cough),
  command('stop it please'),
  question(['good morning']),
  question(['goodbye']),
];
