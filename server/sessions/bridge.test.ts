import { expect, test } from 'vitest';
import { sleep } from '#base/clock.ts';
import { open, WORD } from './session.fixture.ts';

/** A model that thinks for so long, and an avatar that says a word meanwhile. */
async function thinking(ms: number) {
  const opened = await open();
  const { clock, parts } = opened;
  const { talk } = parts;
  const speak = talk.speak.bind(talk);
  let fillers = 0;
  talk.speak = (prompt, utterance) => {
    const { frames, ...speech } = speak(prompt, utterance);
    async function* late() {
      await sleep(clock, ms, utterance.signal);
      if (utterance.signal.aborted) return;
      utterance.mark('firstClause');
      yield* frames;
    }
    return { ...speech, frames: late() };
  };
  talk.filler = (utterance) => talk.say(`hm ${String(++fillers)}`, utterance);
  const ask = (text: string) => {
    const now = clock.now();
    return opened.session.prompt({ text, mode: 'chat' }, undefined, {
      lastVoicedAt: now - 300,
      endOfTurnAt: now,
      transcribedAt: now,
    });
  };
  return { ...opened, ask, fillers: () => fillers };
}

test('who has spoken and waits longer than 700 ms hears a filler, and then the reply; only that is remembered', async () => {
  const { ask, pass, of, states, parts, fillers } = await thinking(800);
  await ask('why');
  await pass(690);
  expect(fillers()).toBe(0);
  await pass(20);
  expect(fillers()).toBe(1);
  parts.stage.emit('voice');
  await pass(10 * WORD);
  expect(of('caption').map(({ text }) => text)).toEqual(['hm', '1', 'echo', 'why']);
  expect(of('turn')).toMatchObject([{ outcome: 'done', spoken: 'echo why' }]);
  expect(of('turn')[0]?.['stages']).not.toHaveProperty('firstPacket');
  expect(states()).toEqual(['thinking', 'speaking', 'idle']);
  await ask('again');
  await pass(20 * WORD);
  expect(parts.talk.prompts.at(-1)?.messages.map(({ content }) => content)).toEqual(['why', 'echo why', 'again']);
});

test('a quick reply, one that was asked for in writing, and what is only said need none', async () => {
  const { ask, pass, of, fillers } = await thinking(600);
  await ask('quick');
  await pass(10 * WORD);
  const slow = await thinking(3_000);
  await slow.session.prompt({ text: 'written', mode: 'chat' });
  await slow.pass(4_000);
  await slow.session.prompt({ text: 'said', mode: 'say' }, undefined, { lastVoicedAt: 0, endOfTurnAt: 0, transcribedAt: 0 });
  await slow.pass(1_000);
  expect([fillers(), slow.fillers()]).toEqual([0, 0]);
  expect(of('turn').map(({ spoken }) => spoken)).toEqual(['echo quick']);
  expect(slow.of('turn').map(({ spoken }) => spoken)).toEqual(['echo written', 'said']);
});

test('a model that waits for a tool is bridged for who has written, too', async () => {
  const { session, pass, of, parts, fillers } = await thinking(3_000);
  await session.prompt({ text: 'written', mode: 'chat' });
  await pass(500);
  parts.talk.utterances.at(-1)?.working?.();
  await pass(690);
  expect(fillers()).toBe(0);
  await pass(2_500);
  expect(fillers()).toBe(1);
  await pass(1_000);
  expect(of('turn').map(({ spoken }) => spoken)).toEqual(['echo written']);
});

test('interrupted in its filler the turn is over at once, with nothing said', async () => {
  const { ask, pass, of, session, states } = await thinking(5_000);
  await ask('why');
  await pass(700 + WORD / 2);
  session.interrupt();
  await pass(1);
  expect(of('turn')).toMatchObject([{ outcome: 'interrupted', spoken: '' }]);
  await pass(6_000);
  expect(of('caption').map(({ text }) => text)).toEqual(['hm']);
  expect(states().at(-1)).toBe('idle');
});

test('a model that fails while it is waited for is apologised for', async () => {
  const { ask, pass, of, parts } = await thinking(900);
  parts.talk.sorry = ['sorry'];
  await ask('FAIL');
  await pass(20 * WORD);
  expect(of('turn')).toMatchObject([{ outcome: 'failed', spoken: 'echo sorry' }]);
});

test('a server that stops waits for no model: what was asked is answered after it', async () => {
  const { ask, pass, session, history } = await thinking(60_000);
  await ask('why');
  await pass(800);
  const suspended = session.suspend('stop');
  await pass(WORD);
  await suspended;
  expect(await history.turns('session-1')).toMatchObject([{ state: 'queued', prompt: 'why' }]);
});
