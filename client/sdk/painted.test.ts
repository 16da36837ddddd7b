import { expect, it } from 'vitest';
import { Painted } from './painted.ts';

const caption = (start: number, clause = 0) => ({ utteranceId: 'u1', clause, text: '', start, end: start + 50 });
const rtp = (frame: number): number => (frame * 3_600) % 2 ** 32;

it('tells of the first picture of an utterance, once', () => {
  const painted = new Painted();
  expect(painted.shown(rtp(99), 1)).toBeUndefined();
  expect(painted.expect(caption(100))).toBeUndefined();
  expect(painted.shown(rtp(99), 2)).toBeUndefined();
  expect(painted.shown(rtp(100), 3)).toEqual({ utteranceId: 'u1', paintedMs: 3 });
  expect(painted.shown(rtp(101), 4)).toBeUndefined();
});

it('takes the one that was seen where the first was left out, and none where none was near', () => {
  const painted = new Painted();
  painted.expect(caption(100));
  expect(painted.shown(rtp(102), 3)).toMatchObject({ paintedMs: 3 });
  painted.expect(caption(200));
  expect(painted.shown(rtp(300), 4)).toBeUndefined();
  expect(painted.shown(rtp(201), 5)).toBeUndefined();
});

it('finds a picture that was quicker than its caption', () => {
  const painted = new Painted();
  for (let frame = 95; frame < 105; frame += 1) painted.shown(rtp(frame), frame);
  expect(painted.expect(caption(100))).toEqual({ utteranceId: 'u1', paintedMs: 100 });
  expect(painted.expect(caption(110, 1))).toBeUndefined();
  expect(painted.shown(rtp(110), 110)).toBeUndefined();
});

it('counts frames where RTP timestamps wrap, after 13 hours', () => {
  const wrap = Math.ceil(2 ** 32 / 3_600);
  const painted = new Painted();
  painted.expect(caption(wrap + 1));
  expect(painted.shown(rtp(wrap - 1), 1)).toBeUndefined();
  expect(painted.shown(rtp(wrap), 2)).toBeUndefined();
  expect(painted.shown(rtp(wrap + 1), 3)).toMatchObject({ paintedMs: 3 });
});
