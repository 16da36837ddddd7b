import { expect, test } from 'vitest';
import type { Prompt } from '#server/llm/llm.ts';
import type { Utterance } from './ports.ts';
import { open, WORD } from './session.fixture.ts';

const heardAt = (at: number) => ({ lastVoicedAt: at - 400, endOfTurnAt: at - 100, transcribedAt: at - 60 });

/** A session that notes what its model is asked, and what of it ends. */
async function drafting() {
  const opened = await open();
  const { talk } = opened.parts;
  const asked: { prompt: Prompt; utterance: Utterance; read: number; returned: boolean }[] = [];
  const speak = talk.speak.bind(talk);
  talk.speak = (prompt, utterance) => {
    const { frames, ...speech } = speak(prompt, utterance);
    const one = { prompt, utterance, read: 0, returned: false };
    asked.push(one);
    async function* noted() {
      try {
        for await (const frame of frames) {
          one.read += 1;
          yield frame;
        }
      } finally {
        one.returned = true;
      }
    }
    return { ...speech, frames: noted() };
  };
  return { ...opened, asked };
}

test('a draft is begun at once, is nowhere to be seen, and confirmed is spoken without anything being done twice', async () => {
  const { session, pass, of, states, asked, history, clock } = await drafting();
  const draft = session.draft('what time is it');
  await pass(500);
  expect(asked).toMatchObject([{ read: 1, returned: false }]);
  expect([of('caption'), of('turn'), states(), session.transcript(), await history.turns('session-1')]).toEqual([
    [],
    [],
    [],
    [],
    [],
  ]);
  const { utteranceId } = await draft.confirm('What time is it?', heardAt(clock.now()));
  draft.discard();
  await pass(6 * WORD);
  expect(asked).toHaveLength(1);
  expect(of('turn')).toMatchObject([{ utteranceId, outcome: 'done', spoken: 'echo what time is it' }]);
  expect(session.transcript()).toMatchObject([{ utteranceId, prompt: 'What time is it?', state: 'done' }]);
  // From the last voiced frame; what was made before that took no time.
  expect(of('turn')[0]?.['stages']).toMatchObject({ endOfTurn: 300, stt: 340, prompt: 400, firstToken: 0 });
  expect(session.transcript()[0]?.askedAt).toBe(1_700_000_000_000 + 500);
});

test('a discarded draft leaves nothing behind, and its streams end; so does one that another replaces, and the last when the session closes', async () => {
  const { session, pass, of, states, asked, clock } = await drafting();
  session.draft('I want').discard();
  session.draft('I want a');
  const third = session.draft('I want a horse');
  await pass(10);
  expect(asked.map(({ utterance, returned }) => [utterance.signal.aborted, returned])).toEqual([
    [true, true],
    [true, true],
    [false, false],
  ]);
  await session.prompt({ text: 'something else', mode: 'chat' });
  await pass(4 * WORD);
  expect(asked.at(-1)?.prompt.messages).toEqual([{ role: 'user', content: 'something else' }]);
  await session.close('ended');
  expect(asked[2]?.utterance.signal.aborted).toBe(true);
  expect(of('turn').map(({ spoken }) => spoken)).toEqual(['echo something else']);
  expect(of('caption').every(({ text }) => !String(text).includes('want'))).toBe(true);
  expect(states()).not.toContain('degraded');
  await expect(third.confirm('I want a horse', heardAt(clock.now()))).rejects.toMatchObject({ code: 'session_closed' });
});

test('other words than it was begun with, or something said since, and it is begun anew', async () => {
  const { session, pass, of, asked, clock } = await drafting();
  const draft = session.draft('tell me about cats');
  await pass(50);
  await draft.confirm('tell me about cats and dogs', heardAt(clock.now()));
  await pass(9 * WORD);
  const later = session.draft('why');
  await session.prompt({ text: 'hello', mode: 'chat' });
  await pass(4 * WORD);
  await later.confirm('why', heardAt(clock.now()));
  await pass(4 * WORD);
  expect(of('turn').map(({ spoken }) => spoken)).toEqual(['echo tell me about cats and dogs', 'echo hello', 'echo why']);
  expect(asked.map(({ utterance }) => utterance.signal.aborted)).toEqual([true, true, true, true, true]);
  expect(asked.at(-1)?.prompt.messages.map(({ content }) => content)).toContain('echo hello');
});

test('a draft that is interrupted after it was confirmed is over; one whose provider fails says so only once it is confirmed', async () => {
  const { session, pass, of, asked, clock } = await drafting();
  const waits = session.draft('first');
  await session.prompt({ text: 'a b c d', mode: 'say' });
  await pass(WORD);
  await waits.confirm('first', heardAt(clock.now()));
  session.interrupt();
  await pass(WORD);
  expect(of('turn').map(({ outcome }) => outcome)).toEqual(['interrupted', 'interrupted']);
  expect(asked[0]).toMatchObject({ returned: true });
  const fails = session.draft('FAIL');
  await pass(2 * WORD);
  expect(of('error')).toEqual([]);
  await fails.confirm('FAIL', heardAt(clock.now()));
  await pass(2 * WORD);
  expect(of('error')).toMatchObject([{ code: 'provider_failed' }]);
});
