import type { EventOf } from '#protocol/signalling.ts';

/** Viewers who lost their media together come back one after the other, a few ms apart, and the last one no later than this, ms. */
const SPREAD = { each: 5, most: 500 };

export const rejoinOf = (viewers: number): EventOf<'rejoin'> => ({
  reason: 'The media server is being replaced.',
  withinMs: Math.min(SPREAD.most, viewers * SPREAD.each),
});
