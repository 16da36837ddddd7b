import { expect, it } from 'vitest';
import { newTraceId, traceIdOf, traceparentOf } from './trace.ts';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';

it('reads the trace id of a traceparent, of this version and of later ones', () => {
  expect(traceIdOf(`00-${ID}-00f067aa0ba902b7-01`)).toBe(ID);
  expect(traceIdOf(`01-${ID}-00f067aa0ba902b7-01-more`)).toBe(ID);
  expect(traceIdOf(traceparentOf(ID))).toBe(ID);
});

it('takes nothing else for one', () => {
  const zero = '0'.repeat(32);
  for (const given of [undefined, 7, '', ID, `00-${zero}-00f067aa0ba902b7-01`, `00-${ID}-${'0'.repeat(16)}-01`])
    expect(traceIdOf(given)).toBeUndefined();
  for (const given of [
    `ff-${ID}-00f067aa0ba902b7-01`,
    `00-${ID.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${ID}-00f067aa0ba902b7-01x`,
  ])
    expect(traceIdOf(given)).toBeUndefined();
});

it('makes ids that are new', () => {
  expect(newTraceId()).toMatch(/^[0-9a-f]{32}$/);
  expect(newTraceId()).not.toBe(newTraceId());
});
