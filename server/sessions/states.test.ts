import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SessionState } from '#protocol/http.ts';
import { isBusy, mayGo, TRANSITIONS } from './states.ts';

const states = fc.constantFrom(...SessionState.options);

test('every state but closed can close, and nothing follows closed', () => {
  fc.assert(
    fc.property(states, states, (from, to) => {
      expect(mayGo('closed', to)).toBe(false);
      if (from !== 'closed') expect(mayGo(from, 'closed')).toBe(true);
      expect(mayGo(from, from)).toBe(false);
    }),
  );
});

test('speech is reached by thinking only, or again after trouble in the middle of it or once the host was heard, and from everywhere it can be left', () => {
  for (const from of SessionState.options) {
    if (from === 'idle' || from === 'closed') expect(TRANSITIONS[from]).not.toEqual(expect.arrayContaining(['speaking']));
    if (from !== 'closed') expect(mayGo(from, 'thinking') || from === 'thinking').toBe(true);
    if (isBusy(from)) expect(TRANSITIONS[from]).toEqual(expect.arrayContaining(['listening', 'idle', 'degraded', 'closed']));
  }
});

test('any walk along the table reaches every state again, until it closes', () => {
  const reachable = (from: SessionState): Set<SessionState> => {
    const seen = new Set<SessionState>();
    const open = [from];
    for (let state = open.pop(); state; state = open.pop()) {
      const fresh = TRANSITIONS[state].filter((next) => !seen.has(next));
      for (const next of fresh) seen.add(next);
      open.push(...fresh);
    }
    return seen;
  };
  for (const from of SessionState.options.filter((state) => state !== 'closed')) {
    expect([...reachable(from)].sort()).toEqual([...SessionState.options].sort());
  }
});
