import { expect, test } from 'vitest';
import { expressionOf } from './condition.ts';
import { open, WORD } from './session.fixture.ts';

test('its face listens while the host speaks, nods, thinks until the answer is heard, and rests when nothing is said', async () => {
  const { session, pass, parts } = await open();
  const { stage } = parts;
  const leave = session.enter();
  expect(stage.expressions).toEqual(['rest']);
  session.listening(true);
  session.nod();
  session.listening(false);
  await session.prompt({ text: 'one two', mode: 'chat' });
  await pass(0.5 * WORD);
  await pass(4 * WORD);
  expect(stage.expressions).toEqual(['rest', 'listening', 'rest', 'thinking', 'rest']);
  expect(stage.nods).toBe(1);
  leave();
});

test('in the pauses of an answer its face stays as it was: thinking before its first word, at rest after it', () => {
  const buffering = { state: 'buffering' } as const;
  expect(expressionOf(buffering, 'thinking')).toBe('thinking');
  expect(expressionOf(buffering, expressionOf({ state: 'speaking' }, 'thinking'))).toBe('rest');
});
