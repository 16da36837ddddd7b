import { expect, test } from 'vitest';
import type { Still } from '#base/media.ts';
import type { Turn } from '#protocol/http.ts';
import type { Talk } from './ports.ts';
import { open, WORD } from './session.fixture.ts';

const still = (n: number): Still => ({ width: 64, height: 48, jpeg: new Uint8Array([n]) });
const heardAt = (at: number) => ({ lastVoicedAt: at - 400, endOfTurnAt: at - 100, transcribedAt: at - 60 });

/** A session that notes what its model is shown with each prompt; `refuses` makes it take none. */
async function seeing({ refuses = false, past = undefined as Turn[] | undefined } = {}) {
  const opened = await open({}, undefined, past);
  const { talk } = opened.parts;
  const shown: (Still | undefined)[] = [];
  const speak = talk.speak.bind(talk);
  const noted: Talk['speak'] = (prompt, utterance) => {
    const { frames, ...speech } = speak(prompt, utterance);
    async function* looked() {
      const seen = await utterance.still;
      shown.push(seen);
      if (utterance.still && (!seen || refuses)) utterance.unseen?.(seen ? 'refused' : 'missed');
      utterance.mark('firstClause');
      yield* frames;
    }
    return { ...speech, frames: looked() };
  };
  talk.speak = noted;
  const asked: { withinMs: number }[] = [];
  const { session } = opened;
  return { ...opened, shown, asked, look: () => session.sight.open((look) => void asked.push(look)) };
}

test('an image goes to the model with its prompt, once, and the conversation remembers that there was one', async () => {
  const { session, pass, of, shown, parts, history } = await seeing();
  const { imageId } = session.sight.show(still(7));
  const prompt = { text: 'what is this', mode: 'chat', image: imageId, utteranceId: 'utterance-1' } as const;
  await session.prompt(prompt);
  // Sent again after an answer that got lost.
  expect(await session.prompt(prompt)).toMatchObject({ utteranceId: 'utterance-1' });
  await pass(6 * WORD);
  expect(shown).toEqual([still(7)]);
  expect(of('turn')).toMatchObject([{ utteranceId: 'utterance-1', image: 'seen', spoken: 'echo what is this' }]);
  expect(session.transcript()).toMatchObject([{ prompt: 'what is this', image: 'seen' }]);
  await expect(session.prompt({ ...prompt, utteranceId: 'utterance-2' })).rejects.toMatchObject({ code: 'not_found' });

  await session.prompt({ text: 'and now', mode: 'chat' });
  await pass(4 * WORD);
  expect(shown).toEqual([still(7), undefined]);
  expect(parts.talk.prompts.at(-1)?.messages).toEqual([
    { role: 'user', content: 'what is this\n[an image was shown]' },
    { role: 'assistant', content: 'echo what is this' },
    { role: 'user', content: 'and now' },
  ]);
  expect(of('turn')[1]).not.toHaveProperty('image');
  expect(of('error')).toEqual([]);
  expect(Object.keys((await history.turns('session-1'))[0] ?? {}).sort()).toEqual(
    ['askedAt', 'endedAt', 'image', 'mode', 'prompt', 'spoken', 'startedAt', 'state', 'traceId', 'utteranceId'].sort(),
  );
});

test('a turn that is spoken asks for its image, and is answered without it when it does not come in time, which is told', async () => {
  const { session, pass, of, shown, asked, look, clock } = await seeing();
  const spoken = (text: string) => session.prompt({ text, mode: 'chat' }, undefined, heardAt(clock.now()));
  await spoken('nobody shows anything');
  await pass(5 * WORD);
  look();
  await session.prompt({ text: 'written', mode: 'chat' });
  await pass(4 * WORD);
  expect(asked).toEqual([]);
  await spoken('look here');
  await pass(200);
  session.sight.show(still(1));
  await pass(4 * WORD);
  expect(asked).toEqual([{ withinMs: 2_000 }]);
  await pass(3_000);
  await spoken('and there');
  await pass(2_100 + 4 * WORD);
  expect(shown).toEqual([undefined, undefined, still(1), undefined]);
  expect(of('turn').map(({ image }) => image)).toEqual([undefined, undefined, 'seen', 'missed']);
  expect(of('error')).toMatchObject([{ code: 'not_ready', message: expect.stringContaining('did not come in time') as string }]);
});

test('a draft asks for it ahead of time, and what confirms it asks for no other', async () => {
  const { session, pass, of, shown, asked, look, clock } = await seeing();
  look();
  const draft = session.draft('what is this');
  await pass(50);
  session.sight.show(still(1));
  await pass(100);
  await draft.confirm('What is this?', heardAt(clock.now()));
  await pass(5 * WORD);
  expect([shown, asked.length]).toEqual([[still(1)], 1]);
  expect(of('turn')).toMatchObject([{ image: 'seen', spoken: 'echo what is this' }]);

  // In other words it is begun anew, with the same image; thrown away, nothing is told of it.
  await pass(2_000);
  session.draft('never mind').discard();
  const other = session.draft('and');
  session.sight.show(still(2));
  await pass(50);
  await other.confirm('and what is that', heardAt(clock.now()));
  await pass(6 * WORD);
  expect(shown.slice(-2)).toEqual([still(2), still(2)]);
  expect(asked).toHaveLength(2);
  expect(of('turn')).toMatchObject([{}, { image: 'seen', spoken: 'echo and what is that' }]);
});

test('a model that refuses it has answered without it, which the event, the transcript and the next prompt say', async () => {
  const { session, pass, of, parts } = await seeing({ refuses: true });
  const { imageId } = session.sight.show(still(7));
  await session.prompt({ text: 'what is this', mode: 'chat', image: imageId });
  await pass(6 * WORD);
  expect(of('error')).toMatchObject([
    { code: 'provider_failed', message: expect.stringContaining('did not take the image') as string },
  ]);
  expect(of('turn')).toMatchObject([{ image: 'refused', outcome: 'done' }]);
  await session.prompt({ text: 'why', mode: 'chat' });
  await pass(3 * WORD);
  expect(parts.talk.prompts.at(-1)?.messages[0]?.content).toBe('what is this\n[an image was shown, which could not be seen]');
});

test('a turn that waited for a server that came anew has lost its image', async () => {
  const turn: Turn = {
    utteranceId: 'utterance-1',
    mode: 'chat',
    prompt: 'what is this',
    image: 'seen',
    spoken: '',
    state: 'queued',
    askedAt: 1,
  };
  const { session, pass, of, shown } = await seeing({ past: [turn] });
  await pass(6 * WORD);
  expect(shown).toEqual([undefined]);
  expect(of('turn')).toMatchObject([{ image: 'missed', outcome: 'done' }]);
  expect(session.transcript()).toMatchObject([{ image: 'missed' }]);
});
