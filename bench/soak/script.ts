import type { Turn } from '#protocol/http.ts';

/** What a host does, again and again: sounds and silences in ms, what each of the sounds is understood as, and what has to come of it. */
export interface Step {
  readonly what: 'question' | 'pause in mid-sentence' | 'sign of listening' | 'noise' | 'interruption';
  /** While a reply is on air. */
  readonly over: boolean;
  readonly sounds: readonly { readonly text: string; readonly ms: number; readonly silence: number }[];
  /** Words of the one turn that it makes; undefined for none. */
  readonly turn: string | undefined;
  /** What the reply becomes that was on air. */
  readonly before?: Turn['state'];
}

const say = (text: string, ms: number, silence: number) => ({ text, ms, silence });

/** About 70 s. */
export const SCRIPT: readonly Step[] = [
  { what: 'question', over: false, sounds: [say('What time is it?', 1_200, 9_000)], turn: 'What time is it?' },
  {
    what: 'pause in mid-sentence',
    over: false,
    sounds: [say('Please tell me the', 900, 800), say('way to the station.', 1_000, 9_000)],
    turn: 'Please tell me the way to the station.',
  },
  { what: 'noise', over: false, sounds: [say('', 250, 5_000)], turn: undefined },
  { what: 'question', over: false, sounds: [say('Tell me a story.', 1_100, 2_500)], turn: 'Tell me a story.' },
  { what: 'sign of listening', over: true, sounds: [say('mm-hm', 300, 8_000)], turn: undefined, before: 'done' },
  { what: 'question', over: false, sounds: [say('Tell me another story.', 1_100, 2_500)], turn: 'Tell me another story.' },
  { what: 'noise', over: true, sounds: [say('', 200, 1_500)], turn: undefined, before: 'speaking' },
  {
    what: 'interruption',
    over: true,
    sounds: [say('No, what about Paris?', 1_300, 9_000)],
    turn: 'No, what about Paris?',
    before: 'interrupted',
  },
];
