import { expect, test } from 'vitest';
import { Timeline } from './timeline.ts';

test('jitter moves nothing: pieces follow each other evenly, never in the future', () => {
  const timeline = new Timeline(0);
  const late = [0, 3, 15, 0, 8, 0, 30, 12, 1, 0];
  late.forEach((ms, index) => {
    const at = timeline.arrive(20, 20 * (index + 1) + ms);
    expect(at).toBe(20 * (index + 1));
  });
  expect(timeline.arrive(20, 215)).toBe(215);
});

test.each([-200, 200])('an hour of a sender whose clock runs otherwise by %i ppm stays within 30 ms', (ppm) => {
  const timeline = new Timeline(0);
  let worst = 0;
  for (let packet = 1; packet <= 180_000; packet += 1) {
    const arrival = packet * 20 * (1 + ppm / 1e6);
    worst = Math.max(worst, Math.abs(arrival - timeline.arrive(20, arrival)));
  }
  expect(worst).toBeLessThan(30);
});
