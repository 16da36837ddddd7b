import { describe, expect, it } from 'vitest';
import { Flow, SILENCE } from './flow.ts';

describe('flow', () => {
  it('is silent once after a second without a packet, until the next', () => {
    const flow = new Flow(0);
    const looks: [number, number][] = [
      [10, 250],
      [20, 500],
      [20, 500 + SILENCE - 1],
      [20, 500 + SILENCE],
      [20, 500 + 5 * SILENCE],
      [21, 500 + 5 * SILENCE + 250],
      [30, 500 + 5 * SILENCE + 500],
    ];
    const told = looks.map(([packets, atMs]) => flow.look(packets, atMs));
    expect(told).toEqual(['flowing', 'flowing', undefined, 'silent', undefined, 'flowing', 'flowing']);
  });

  it('does not take a page that slept for a silent network, if packets came meanwhile', () => {
    const flow = new Flow(0);
    flow.look(10, 250);
    expect(flow.look(11, 60_000)).toBe('flowing');
  });
});
