import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SessionState, Turn } from '#protocol/http.ts';
import { open, WORD } from './session.fixture.ts';
import { mayGo } from './states.ts';
import { MAX_QUEUED } from './turns.ts';

test('a prompt goes through thinking and speaking to its turn, with captions and a waterfall', async () => {
  const { session, pass, of, states, lines } = await open();
  const leave = session.enter();
  const { utteranceId } = await session.prompt({ text: 'one two', mode: 'chat' });
  await pass(4 * WORD);
  expect(states()).toEqual(['listening', 'thinking', 'speaking', 'listening']);
  expect(of('caption').map(({ text }) => text)).toEqual(['echo', 'one', 'two']);
  expect(of('turn')).toMatchObject([{ utteranceId, outcome: 'done', spoken: 'echo one two' }]);
  const { stages } = of('turn')[0] as { stages: Record<string, number> };
  expect(Object.keys(stages)).toEqual(['prompt', 'firstToken', 'firstFrame', 'playout', 'end']);
  expect(stages.end).toBeGreaterThanOrEqual(3 * WORD);
  expect(session.info()).toMatchObject({ state: 'listening', timings: stages, viewers: { webrtc: 0, whep: 0, hls: 0 } });
  expect(session.transcript()).toMatchObject([{ utteranceId, mode: 'chat', prompt: 'one two', state: 'done' }]);
  leave();
  leave();
  expect(session.state.state).toBe('idle');
  expect(lines).toEqual([]);
});

test('say speaks the text as it is', async () => {
  const { session, pass, of } = await open();
  await session.prompt({ text: 'exactly this', mode: 'say' });
  await pass(3 * WORD);
  expect(of('turn')).toMatchObject([{ spoken: 'exactly this' }]);
});

test('prompts faster than speech wait in order, up to a bound, and none is lost', async () => {
  const { session, pass, of } = await open();
  const asked = [(await session.prompt({ text: 'w0', mode: 'say' })).utteranceId];
  await pass(1);
  for (let n = 1; n <= MAX_QUEUED; n += 1) asked.push((await session.prompt({ text: `w${n}`, mode: 'say' })).utteranceId);
  await expect(session.prompt({ text: 'too many', mode: 'say' })).rejects.toThrow(/At most 8 prompts may wait/);
  await pass((MAX_QUEUED + 2) * WORD);
  expect(of('turn').map(({ utteranceId }) => utteranceId)).toEqual(asked);
  expect(of('turn').map(({ spoken }) => spoken)).toEqual(asked.map((_, n) => `w${n}`));
});

test('interrupt cuts the turn on air where it is, and ends those that wait', async () => {
  const { session, pass, of, states } = await open();
  await session.prompt({ text: 'a b c', mode: 'say' });
  await session.prompt({ text: 'never heard', mode: 'say' });
  await pass(1.5 * WORD);
  session.interrupt();
  await pass(1);
  expect(
    of('turn')
      .map(({ outcome, spoken }) => [outcome, spoken])
      .sort(),
  ).toEqual([
    ['interrupted', ''],
    ['interrupted', 'a b…'],
  ]);
  expect(states().at(-1)).toBe('idle');
  await session.prompt({ text: 'again', mode: 'say' });
  await pass(2 * WORD);
  expect(of('turn').at(-1)).toMatchObject({ outcome: 'done', spoken: 'again' });
});

test('ducked it listens and holds the utterance, which goes on or is cut', async () => {
  const { session, pass, of, states, lines } = await open();
  await session.prompt({ text: 'a b c', mode: 'say' });
  await pass(1.5 * WORD);
  session.duck();
  await pass(5 * WORD);
  expect(session.state).toMatchObject({ state: 'listening', reason: 'The avatar has fallen silent to listen.' });
  expect(session.tick()).toBe(false);
  session.unduck();
  await pass(0.3 * WORD);
  expect(session.state.state).toBe('speaking');
  session.duck();
  session.interrupt();
  await pass(1);
  expect(states()).toEqual(['thinking', 'speaking', 'listening', 'speaking', 'listening', 'idle']);
  expect(of('turn')).toMatchObject([{ outcome: 'interrupted', spoken: 'a b' }]);
  session.duck();
  session.unduck();
  expect(lines).toEqual([]);
});

test('while the host speaks it listens, whoever else is there; an answer being given is not told away', async () => {
  const { session, pass, of, states } = await open();
  session.listening(true);
  session.listening(true);
  session.tick();
  session.listening(false);
  expect(of('state')).toEqual([{ state: 'listening', reason: 'The host is speaking.' }, { state: 'idle' }]);
  await session.prompt({ text: 'a', mode: 'say' });
  await pass(0.5 * WORD);
  session.listening(true);
  expect(session.state.state).toBe('speaking');
  await pass(WORD);
  expect(session.state).toEqual({ state: 'listening', reason: 'The host is speaking.' });
  session.listening(false);
  expect(states().at(-1)).toBe('idle');
});

test('the model is told what was really spoken', async () => {
  const { session, pass, parts } = await open({ systemPrompt: 'be kind', language: 'de' });
  await session.prompt({ text: 'first of many', mode: 'chat' });
  await pass(1.5 * WORD);
  session.interrupt();
  await pass(1);
  await session.prompt({ text: 'second', mode: 'chat' });
  await pass(3 * WORD);
  expect(parts.talk.prompts.at(-1)).toEqual({
    system: expect.stringMatching(/^be kind\n\n.*cut off/) as string,
    language: 'de',
    messages: [
      { role: 'user', content: 'first of many' },
      { role: 'assistant', content: 'echo first…' },
      { role: 'user', content: 'second' },
    ],
  });
});

test('a provider that fails: error, degraded with its reason, the turn failed; the next prompt is answered', async () => {
  const { session, pass, of, states } = await open();
  await session.prompt({ text: 'good FAIL', mode: 'say' });
  await pass(2 * WORD);
  expect(of('error')).toEqual([{ code: 'provider_failed', message: 'The voice provider failed.' }]);
  expect(of('turn')).toMatchObject([{ outcome: 'failed', spoken: 'good' }]);
  expect(session.info()).toMatchObject({ state: 'degraded', reason: 'The voice provider failed.' });
  await pass(6_000);
  expect(session.state).toEqual({ state: 'idle' });
  await session.prompt({ text: 'FAIL', mode: 'say' });
  await session.prompt({ text: 'fine', mode: 'say' });
  await pass(3 * WORD);
  expect(states().slice(-5)).toEqual(['thinking', 'degraded', 'thinking', 'speaking', 'idle']);
});

test('speech that waits for pictures or goes on without them says so, and all is well again afterwards', async () => {
  const { session, pass, parts, of, lines } = await open();
  const { utteranceId } = await session.prompt({ text: 'a b c', mode: 'say' });
  parts.stage.emit('air', { state: 'buffering', etaMs: 2_500.4, utteranceId });
  for (const state of ['degraded', 'buffering', 'speaking', 'degraded'] as const)
    parts.stage.emit('air', { state, utteranceId, ...(state === 'degraded' ? { reason: 'pictures are late' } : {}) });
  expect(session.info()).toMatchObject({ state: 'degraded', reason: 'pictures are late' });
  await pass(4 * WORD);
  expect([session.state, lines]).toEqual([{ state: 'idle' }, []]);
  expect(of('state')).toContainEqual({ state: 'buffering', utteranceId, etaMs: 2_500 });
});

test('a greeting waits for somebody to hear it, but not for ever; then prompts follow it', async () => {
  const { session, pass, of } = await open({ greeting: 'hello' });
  await session.prompt({ text: 'after', mode: 'say' });
  await pass(4 * WORD);
  expect(of('turn')).toEqual([]);
  session.audience();
  await pass(3 * WORD);
  expect(of('turn').map(({ spoken }) => spoken)).toEqual(['hello', 'after']);
  const [greeting, prompt] = of('turn').map(({ stages }) => (stages as { playout: number }).playout);
  expect(greeting).toBeLessThan(WORD);
  expect(prompt).toBeGreaterThanOrEqual(5 * WORD);
  const lonely = await open({ greeting: 'anyone' });
  await lonely.pass(6_000);
  expect(lonely.of('turn')).toMatchObject([{ outcome: 'done', spoken: 'anyone' }]);
});

test('nobody there and nothing happening for the timeout: time to close; a viewer or speech keeps it', async () => {
  const { session, pass, parts } = await open({}, 1_000);
  parts.counts.whep = 1;
  await pass(5_000);
  expect(session.tick()).toBe(false);
  expect(session.state.state).toBe('listening');
  parts.counts.whep = 0;
  await pass(999);
  expect(session.tick()).toBe(false);
  await pass(1);
  expect(session.tick()).toBe(true);
});

test('suspended: the clause on air ends, the playlist closes, nobody is told that it is over, and what waits is kept for later', async () => {
  const { session, pass, of, parts, states, history, metrics } = await open();
  await session.prompt({ text: 'a b c d', mode: 'say' });
  const { utteranceId } = await session.prompt({ text: 'waiting', mode: 'say' });
  await pass(1.5 * WORD);
  const suspended = session.suspend('stop');
  await expect(session.prompt({ text: 'late', mode: 'say' })).rejects.toMatchObject({ code: 'not_ready' });
  await pass(WORD);
  await suspended;
  expect(of('turn').map(({ outcome, spoken }) => [outcome, spoken])).toEqual([['interrupted', 'a b']]);
  expect(parts.hls.finished).toBe(true);
  expect(states()).not.toContain('closed');
  expect(parts.closed).toEqual(['stop']);
  await expect(session.prompt({ text: 'late', mode: 'say' })).rejects.toMatchObject({ code: 'not_ready' });
  expect(await history.turns('session-1')).toMatchObject([
    { state: 'interrupted', spoken: 'a b', reason: 'The server was restarted.' },
    { state: 'queued', utteranceId },
  ]);
  expect((await history.recover()).sessions).toHaveLength(1);
  expect(await metrics.registry.metrics()).not.toMatch(/^sessions\{.*\} [^0]/m);
});

test('what was asked and not begun before a restart is answered after it; what was begun is not begun again', async () => {
  const turn = { mode: 'say', spoken: '', askedAt: 1 } as const;
  const past: Turn[] = [
    { ...turn, utteranceId: 'utterance-1', prompt: 'cut short', spoken: 'cut…', state: 'speaking' },
    { ...turn, utteranceId: 'utterance-2', prompt: 'waited', state: 'queued' },
  ];
  const { session, pass, of, history } = await open({ greeting: 'hello' }, 600_000, past);
  await pass(4 * WORD);
  expect(of('turn').map(({ spoken }) => spoken)).toEqual(['waited']);
  expect(session.transcript()).toMatchObject([
    { spoken: 'cut…', state: 'interrupted', reason: 'The server was restarted.' },
    { spoken: 'waited', state: 'done' },
  ]);
  expect(await history.turns('session-1')).toEqual(session.transcript());
});

test('what is heard is kept clause by clause', async () => {
  const { session, pass, history } = await open();
  await session.prompt({ text: 'a b', mode: 'say' });
  const kept = async () => (await history.turns('session-1'))[0]?.spoken;
  const seen: unknown[] = [];
  for (let ms = 0; ms < 2.5 * WORD; ms += 20) {
    await pass(20);
    const spoken = await kept();
    if (spoken !== seen.at(-1)) seen.push(spoken);
  }
  expect(seen).toEqual(['a…', 'a', 'a b…', 'a b']);
});

test('a prompt sent again with its own id is spoken once', async () => {
  const { session, pass, of } = await open();
  const prompt = { text: 'once', mode: 'say', utteranceId: 'chosen-by-client' } as const;
  const [first, again] = await Promise.all([session.prompt(prompt), session.prompt(prompt)]);
  expect(first).toMatchObject({ utteranceId: 'chosen-by-client' });
  expect(again).toEqual(first);
  await pass(2 * WORD);
  expect(await session.prompt(prompt)).toEqual(first);
  await pass(2 * WORD);
  expect(of('turn').map(({ spoken }) => spoken)).toEqual(['once']);
});

test('close while speaking: the turn ends as interrupted, then closed, then nothing', async () => {
  const { session, pass, events, metrics } = await open();
  await session.prompt({ text: 'a b c', mode: 'say' });
  await pass(1.5 * WORD);
  await session.close('ended');
  expect(events.slice(-2).map(({ name }) => name)).toEqual(['turn', 'state']);
  expect(events.at(-1)?.payload).toEqual({ state: 'closed', reason: 'ended' });
  const count = events.length;
  await pass(10_000);
  expect(events).toHaveLength(count);
  expect(await metrics.registry.metrics()).not.toMatch(/^sessions\{.*\} [^0]/m);
});

test('whatever happens, the state follows the table and every prompt ends as exactly one turn', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('prompt' as const), text: fc.constantFrom('a', 'a b c', 'FAIL', 'a FAIL') }),
    fc.record({
      kind: fc.constantFrom('interrupt' as const, 'duck' as const, 'unduck' as const, 'enter' as const, 'leave' as const),
    }),
    fc.record({ kind: fc.constant('listening' as const), on: fc.boolean() }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 50, 200, 2_000, 6_000) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const { session, pass, of, states, lines } = await open();
      const asked: string[] = [];
      const inside: (() => void)[] = [];
      for (const step of steps) {
        if (step.kind === 'prompt') {
          try {
            asked.push((await session.prompt({ text: step.text, mode: 'say' })).utteranceId);
          } catch (error) {
            expect(error).toMatchObject({ code: 'too_many_prompts' });
          }
        } else if (step.kind === 'wait') await pass(step.ms);
        else if (step.kind === 'listening') session.listening(step.on);
        else if (step.kind === 'interrupt' || step.kind === 'duck' || step.kind === 'unduck') session[step.kind]();
        else if (step.kind === 'enter') inside.push(session.enter());
        else inside.pop()?.();
      }
      await session.close('end of test');
      const seen: SessionState[] = ['idle', ...states()];
      for (const [at, to] of seen.entries()) {
        const from = seen[at - 1];
        if (from !== undefined && from !== to) expect(mayGo(from, to)).toBe(true);
      }
      expect(lines.filter((line) => line.includes('state change refused'))).toEqual([]);
      expect(seen.at(-1)).toBe('closed');
      expect(
        of('turn')
          .map(({ utteranceId }) => utteranceId as string)
          .sort(),
      ).toEqual(asked.sort());
    }),
    { numRuns: 60 },
  );
});
