import { describe, expect, it } from 'vitest';
import { Conversation } from './conversation.fixture.ts';
import { Floor } from './floor.ts';

const told = (...args: ConstructorParameters<typeof Conversation>): string[] => new Conversation(...args).told;
/** Says nothing before a phrase is over, and then takes its time. */
const SLOW = { finalMs: 1_500 };
const QUICK = { partialMs: 60, finalMs: 60 };

describe('the end of a turn', () => {
  it('comes 250 ms after a clause that sounds finished', () => {
    const talk = new Conversation('user: what is the weather like in Paris?\nquiet 2000', QUICK);
    expect(talk.told).toEqual(['draft: what is the weather like in Paris?', 'turn: what is the weather like in Paris?']);
    expect(talk.waited).toBeGreaterThanOrEqual(250);
    expect(talk.waited).toBeLessThan(330);
  });

  it('waits 1.2 s where more is to be expected', () => {
    for (const text of ['and then I', 'I would like the', 'um', 'the number is five five', 'well, I think, um']) {
      const talk = new Conversation(`user: ${text}\nquiet 1100\nuser: went home.\nquiet 2000`, QUICK);
      expect(talk.turns).toEqual([`${text} went home.`]);
    }
    const alone = new Conversation('user: and then I\nquiet 3000', QUICK);
    expect(alone.waited).toBeGreaterThanOrEqual(1_200);
    expect(alone.waited).toBeLessThan(1_280);
  });

  it('is asked for by configuration', () => {
    const talk = new Conversation('user: what time is it?\nquiet 3000', QUICK, { finishedMs: 700 });
    expect(talk.waited).toBeGreaterThanOrEqual(700);
    expect(talk.waited).toBeLessThan(780);
  });

  it('waits for a slow recogniser, and comes at once with its last text', () => {
    const talk = new Conversation('user: what is the weather like in Paris?\nquiet 3000', SLOW);
    expect(talk.told).toEqual(['turn: what is the weather like in Paris?']);
    expect(talk.waited).toBeGreaterThanOrEqual(1_700);
    expect(talk.waited).toBeLessThan(1_780);
  });

  it('never falls between the first sounds of what is said next', () => {
    const talk = new Conversation('user: I like it\nquiet 224\nuser: very much.\nquiet 1000', QUICK);
    expect(talk.turns).toEqual(['I like it very much.']);
  });

  it('goes on without a recogniser that never answers, and doesn’t lose what comes later', () => {
    const floor = new Floor();
    const acts = [];
    for (let at = 0; at < 8_000; at += 32) acts.push(...floor.frame({ at, speech: at < 500 ? 1 : 0, near: true }));
    expect(acts.map(({ act }) => act)).toEqual(['phraseBegins', 'listens', 'phraseEnds', 'nod', 'leaves']);
    acts.push(...floor.heard({ phrase: 1, text: 'Hello there.', final: true, at: 8_000 }));
    expect(acts.at(-1)).toMatchObject({ act: 'turn', text: 'Hello there.', phrases: [1] });
  });

  it('never takes the place of a reply that goes on', () => {
    const floor = new Floor();
    floor.avatar({ speaking: true, at: 0 });
    const acts = [];
    for (let at = 32; at < 8_000; at += 32) acts.push(...floor.frame({ at, speech: at < 300 ? 1 : 0, near: true }));
    expect(acts.map(({ act }) => act)).toEqual(['phraseBegins', 'duck', 'phraseEnds', 'unduck']);
    const late = floor.heard({ phrase: 1, text: 'Nonsense', final: false, at: 8_000 });
    expect(late.map(({ act }) => act)).toEqual(['interrupt', 'listens', 'turn']);
  });

  it('gives a phrase up in the end', () => {
    const floor = new Floor();
    const acts = [];
    for (let at = 0; at < 32_000; at += 32) acts.push(...floor.frame({ at, speech: at < 500 ? 1 : 0, near: true }));
    expect(acts.at(-1)).toEqual({ act: 'dismiss', phrase: 1, why: 'unheard' });
  });
});

describe('a draft', () => {
  it('is discarded when more is said', () => {
    expect(told('user: I want to go to\nquiet 500\nuser: the market.\nquiet 1000')).toEqual([
      'draft: I want to go to',
      'discard',
      'draft: I want to go to the market.',
      'turn: I want to go to the market.',
    ]);
  });

  it('falls with the first sounds of what is said next, before a word of it is known', () => {
    const { all } = new Conversation('user: I want to go to\nquiet 500\nuser: the market.\nquiet 1000', SLOW, { stableMs: 0 });
    const early = new Conversation('user: I want to go to\nquiet 700\nuser: the market.\nquiet 1000', { finalMs: 100 });
    expect(all).not.toContain('discard');
    expect(early.all.indexOf('discard')).toBe(early.all.lastIndexOf('phraseBegins') - 1);
  });

  it('stands when the last text differs in punctuation and case only, and else falls', () => {
    const says = (text: string): string[] => {
      const floor = new Floor();
      const acts = [];
      for (let at = 0; at < 2_000; at += 32) {
        acts.push(...floor.frame({ at, speech: at < 1_000 ? 1 : 0, near: true }));
        if (at === 800) acts.push(...floor.heard({ phrase: 1, text: 'where is the station', final: false, at }));
        if (at === 1_216) acts.push(...floor.heard({ phrase: 1, text, final: true, at }));
      }
      return acts.map(({ act }) => act).filter((act) => ['draft', 'discard', 'turn'].includes(act));
    };
    expect(says('Where is the station?')).toEqual(['draft', 'turn']);
    expect(says('Where is the stallion?')).toEqual(['draft', 'discard', 'draft', 'turn']);
  });

  it('is made three times a turn at most, and never when it isn’t wanted', () => {
    const script = 'user: I want to\nquiet 500\n'.repeat(6) + 'quiet 2000';
    expect(told(script).filter((act) => act.startsWith('draft'))).toHaveLength(3);
    expect(told(script, QUICK, { drafts: 0 })).toEqual([`turn: ${Array(6).fill('I want to').join(' ')}`]);
  });
});

const STORY = 'avatar: Once upon a time there was a king who had three daughters and a garden full of apples.\nquiet 1500\n';

describe('talking over the avatar', () => {
  it.each(['mm-hm', 'yeah', 'okay', 'I see', 'uh huh', 'right, right'])('"%s" leaves it the floor', (sign) => {
    expect(told(`${STORY}user: ${sign}\nquiet 4000`)).toEqual(['duck', 'unduck', 'dismiss backchannel']);
  });

  it('a cough ducks it and no more, whether the recogniser is quick or slow', () => {
    for (const recogniser of [QUICK, SLOW]) {
      const talk = new Conversation(`${STORY}cough 200\nquiet 4000`, recogniser);
      expect(talk.told).toEqual(['duck', 'unduck', 'dismiss noise']);
      expect(talk.between('duck', 'unduck')).toBeLessThanOrEqual(632);
    }
  });

  it('a click doesn’t even duck it', () => {
    expect(new Conversation(`${STORY}cough 64\nquiet 1000`).all).toEqual([]);
  });

  it('words of one’s own interrupt it and become a turn', () => {
    const talk = new Conversation(`${STORY}user: no, tell me about the weather instead.\nquiet 2000`);
    expect(talk.told).toEqual([
      'duck',
      'interrupt',
      'draft: no, tell me about the weather instead.',
      'turn: no, tell me about the weather instead.',
    ]);
    expect(talk.between('phraseBegins', 'duck')).toBe(0);
    expect(talk.between('duck', 'interrupt')).toBeLessThanOrEqual(632);
  });

  it('interrupts without a word known when the voice goes on', () => {
    const talk = new Conversation(`${STORY}user: tell me about the weather instead.\nquiet 4000`, SLOW);
    expect(talk.told).toEqual(['duck', 'interrupt', 'turn: tell me about the weather instead.']);
    expect(talk.between('duck', 'interrupt')).toBeLessThanOrEqual(632);
  });

  it('interrupts when the voice goes on after a pause in which it was let go on', () => {
    const talk = new Conversation(`${STORY}cough 576\nquiet 160\ncough 600\nquiet 3000`, SLOW);
    expect(talk.told).toEqual(['duck', 'unduck', 'interrupt', 'dismiss noise']);
  });

  it('a short word that is known late interrupts late', () => {
    expect(told(`${STORY}user: nonsense\nquiet 4000`, SLOW)).toEqual(['duck', 'unduck', 'interrupt', 'turn: nonsense']);
  });

  it('a sign of listening that becomes a sentence interrupts', () => {
    expect(told(`${STORY}user: yeah but that is not what I asked.\nquiet 2000`, QUICK).slice(0, 2)).toEqual([
      'duck',
      'interrupt',
    ]);
  });

  it.each(['stop', 'wait', 'hold on', 'stop it please'])('"%s" interrupts at once and is no question', (command) => {
    const talk = new Conversation(`${STORY}user: ${command}\nquiet 4000`, QUICK);
    expect(talk.told).toEqual(['duck', 'interrupt', 'dismiss command']);
    expect(talk.all.at(-1)).toBe('leaves');
  });

  it('"stop" twice is still no question, and a question after it is one', () => {
    expect(told(`${STORY}user: stop\nquiet 600\nuser: stop\nquiet 3000`)).toEqual([
      ...['duck', 'interrupt', 'dismiss command', 'dismiss command'],
    ]);
    expect(told(`${STORY}user: wait, who was the king?\nquiet 2000`).at(-1)).toBe('turn: wait, who was the king?');
  });

  it('its own words heard back are no turn', () => {
    for (const recogniser of [QUICK, SLOW]) {
      const acts = told(`${STORY}echo: there was a king who had three\nquiet 4000`, recogniser);
      expect(acts.filter((act) => act.startsWith('turn'))).toEqual([]);
      expect(acts.at(-1)).toBe('dismiss echo');
    }
    expect(told(`${STORY}echo: there was a king who had three\nquiet 4000`, QUICK)).not.toContain('interrupt');
  });

  it('a command amid its own words is heard', () => {
    expect(told(`${STORY}echo: a king who had three stop\nquiet 3000`)).toContain('interrupt');
  });

  it('its own words, repeated by the host later, are a turn', () => {
    expect(told(`avatar: Your code is seven one two.\nquiet 3000\nuser: seven one two?\nquiet 2000`).at(-1)).toBe(
      'turn: seven one two?',
    );
  });

  it('ends the duck when the avatar ends first', () => {
    const acts = told('avatar: Yes.\nquiet 160\nuser: and what about tomorrow?\nquiet 2000', SLOW);
    expect(acts).toEqual(['duck', 'interrupt', 'turn: and what about tomorrow?']);
    const floor = new Floor();
    floor.avatar({ speaking: true, at: 0 });
    for (let at = 32; at < 200; at += 32) floor.frame({ at, speech: 1, near: true });
    expect(floor.avatar({ speaking: false, at: 200 }).map(({ act }) => act)).toEqual(['unduck', 'listens']);
  });
});

describe('the avatar silent', () => {
  it('takes "yeah" for an answer, and hums only after a question', () => {
    expect(told('user: yeah\nquiet 2000').at(-1)).toBe('turn: yeah');
    expect(told('user: mm-hm\nquiet 2000')).toEqual(['dismiss backchannel']);
    expect(told('avatar: Do you like tea?\nquiet 2000\nuser: mm-hm\nquiet 2000').at(-1)).toBe('turn: mm-hm');
    expect(told('avatar: Do you like tea?\nquiet 800\nuser: yeah\nquiet 3000').at(-1)).toBe('turn: yeah');
  });

  it('noise takes the floor and leaves it again', () => {
    expect(new Conversation('cough 200\nquiet 2000').all).toEqual([
      ...['phraseBegins', 'listens', 'phraseEnds', 'dismiss noise', 'leaves'],
    ]);
  });

  it('"stop" is something to answer', () => {
    expect(told('user: stop\nquiet 2000').at(-1)).toBe('turn: stop');
  });

  it('nods where a phrase ends', () => {
    expect(
      new Conversation('user: I went to the\nquiet 400\nuser: market.\nquiet 2000').all.filter((act) => act === 'nod'),
    ).toHaveLength(2);
  });
});

describe('a reply that is on its way', () => {
  it('never begins over the host, who goes on', () => {
    const acts = told(
      'reply: It is sunny in London.\nuser: what is the weather like?\nquiet 480\nuser: I mean in Paris.\nquiet 2000',
    );
    expect(acts).toEqual([
      ...['draft: what is the weather like?', 'turn: what is the weather like?'],
      ...['duck', 'interrupt', 'draft: I mean in Paris.', 'turn: I mean in Paris.'].filter((act) => acts.includes(act)),
    ]);
    expect(acts).toContain('interrupt');
  });

  it('isn’t stopped by "okay"', () => {
    const acts = told('reply: It is sunny in London.\nuser: what is the weather like?\nquiet 600\nuser: okay\nquiet 3000');
    expect(acts).not.toContain('interrupt');
    expect(acts).toContain('dismiss backchannel');
  });

  it('can be given up', () => {
    const floor = new Floor();
    for (let at = 0; at < 1_000; at += 32) floor.frame({ at, speech: at < 300 ? 1 : 0, near: true });
    floor.heard({ phrase: 1, text: 'Hello.', final: true, at: 1_000 });
    expect(floor.gaveUp()).toEqual([]);
    for (let at = 1_000; at < 1_300; at += 32) floor.frame({ at, speech: 1, near: true });
    expect(floor.heard({ phrase: 2, text: 'Are you there?', final: true, at: 1_300 })).toEqual([]);
  });
});
