import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { FloorAct } from './act.ts';
import { Floor } from './floor.ts';

const TEXTS = [
  '',
  'um',
  'mm-hm',
  'yeah',
  'stop',
  'wait',
  'and then I',
  'what is the time?',
  'the weather is nice',
  'no.',
  'five five',
  '[cough]',
  'one two three',
];

type Step =
  | { readonly do: 'voice'; readonly frames: number; readonly near: boolean }
  | { readonly do: 'silence'; readonly frames: number; readonly near: boolean }
  | { readonly do: 'heard'; readonly back: number; readonly text: string; readonly final: boolean }
  | { readonly do: 'avatar'; readonly speaking: boolean }
  | { readonly do: 'said'; readonly text: string };

const text = fc.constantFrom(...TEXTS);
const frames = fc.record({
  do: fc.constantFrom('voice' as const, 'silence' as const),
  frames: fc.integer({ min: 1, max: 40 }),
  near: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: frames.map((one) => ({ ...one, near: one.near || one.frames > 3 })) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('heard' as const), back: fc.integer({ min: 0, max: 3 }), text, final: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('avatar' as const), speaking: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('said' as const), text }) },
);

/** What must hold of all acts, whatever happens; kept up as they come. */
class Wellformed {
  readonly begun = new Set<number>();
  readonly ended = new Set<number>();
  readonly came = new Map<number, string>();
  /** The text each phrase was last told to hold. */
  readonly texts = new Map<number, { text: string; final: boolean }>();
  speaking = false;
  #isDucked = false;
  #isListening = false;
  #draft: string | undefined;

  take(acts: readonly FloorAct[]): void {
    for (const act of acts) this.#one(act);
  }

  get isAtRest(): boolean {
    return !this.#isDucked && !this.#isListening && this.#draft === undefined;
  }

  #one(act: FloorAct): void {
    switch (act.act) {
      case 'phraseBegins':
        expect(this.begun.size).toBe(this.ended.size);
        expect(act.phrase).toBe(this.begun.size + 1);
        this.begun.add(act.phrase);
        return;
      case 'phraseEnds':
        expect(this.begun.has(act.phrase) && !this.ended.has(act.phrase)).toBe(true);
        this.ended.add(act.phrase);
        return;
      case 'dismiss':
        return this.#comes(act.phrase, act.why);
      case 'duck':
        expect([this.#isDucked, this.speaking]).toEqual([false, true]);
        this.#isDucked = true;
        return;
      case 'unduck':
        expect(this.#isDucked).toBe(true);
        this.#isDucked = false;
        return;
      case 'interrupt':
        this.#isDucked = false;
        this.speaking = false;
        return;
      case 'listens':
        expect(this.#isListening).toBe(false);
        this.#isListening = true;
        return;
      case 'leaves':
        expect([this.#isListening, this.#draft]).toEqual([true, undefined]);
        this.#isListening = false;
        return;
      case 'nod':
        expect(this.#isListening).toBe(true);
        return;
      case 'draft':
        expect(this.#draft).toBeUndefined();
        this.#draft = act.text;
        return;
      case 'discard':
        expect(this.#draft).toBeDefined();
        this.#draft = undefined;
        return;
      case 'turn':
        return this.#turn(act);
    }
  }

  #turn(act: Extract<FloorAct, { act: 'turn' }>): void {
    expect(this.speaking).toBe(false);
    expect(this.#isListening).toBe(true);
    const plain = (one: string): string =>
      one
        .toLowerCase()
        .replace(/[^a-z0-9']+/g, ' ')
        .trim();
    if (this.#draft !== undefined) expect(plain(this.#draft)).toBe(plain(act.text));
    expect(act.text).toBe(
      act.phrases
        .map((phrase) => this.texts.get(phrase)?.text)
        .filter(Boolean)
        .join(' '),
    );
    expect(act.phrases).toEqual([...act.phrases].sort((a, b) => a - b));
    for (const phrase of act.phrases) this.#comes(phrase, 'turn');
    this.#draft = undefined;
    this.#isListening = false;
  }

  #comes(phrase: number, what: string): void {
    expect(this.ended.has(phrase)).toBe(true);
    expect(this.came.has(phrase)).toBe(false);
    this.came.set(phrase, what);
  }
}

it('acts are well-formed and nothing is lost, whatever is heard', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const floor = new Floor();
      const form = new Wellformed();
      let at = 1_000;
      const hear = (phrase: number, words: string, final: boolean): void => {
        const known = form.texts.get(phrase);
        if (!known?.final && !form.came.has(phrase) && form.begun.has(phrase)) form.texts.set(phrase, { text: words, final });
        form.take(floor.heard({ phrase, text: words, final, at }));
      };
      const pass = (count: number, speech: number, near: boolean): void => {
        for (let frame = 0; frame < count; frame += 1) form.take(floor.frame({ at: (at += 32), speech, near }));
      };
      for (const one of steps) {
        if (one.do === 'voice' || one.do === 'silence') pass(one.frames, one.do === 'voice' ? 1 : 0, one.near);
        else if (one.do === 'heard')
          hear(form.begun.size - one.back, one.text, one.final && form.ended.has(form.begun.size - one.back));
        else if (one.do === 'said') floor.said(one.text);
        else {
          form.speaking = one.speaking;
          form.take(floor.avatar({ speaking: one.speaking, at }));
        }
      }
      // Silence and the recogniser's last words bring everything to its end.
      pass(20, 0, true);
      for (const phrase of form.begun) if (!form.texts.get(phrase)?.final) hear(phrase, 'what is the time?', true);
      pass(60, 0, true);
      expect(form.ended.size).toBe(form.begun.size);
      expect([...form.came.keys()].sort((a, b) => a - b)).toEqual([...form.begun]);
      expect(form.isAtRest).toBe(true);
      for (const [phrase, what] of form.came) {
        const said = form.texts.get(phrase)?.text ?? '';
        if (said === '' || said === '[cough]') expect(['noise', 'turn', 'unheard']).toContain(what);
        if (said === 'what is the time?' || said === 'and then I') expect(['turn', 'echo']).toContain(what);
      }
    }),
    { numRuns: 300 },
  );
});
