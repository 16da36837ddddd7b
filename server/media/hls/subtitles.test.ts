import { describe, expect, it } from 'vitest';
import type { Caption } from '#protocol/signalling.ts';
import { Subtitles } from './subtitles.ts';

const FRAME = 1_920;
const said: Caption = {
  utteranceId: 'one',
  clause: 0,
  text: 'Fish & chips?',
  start: 25,
  end: 60,
  words: [
    { text: 'Fish', start: 26, end: 35 },
    { text: '&', start: 36.5, end: 40 },
    { text: 'chips?', start: 41, end: 58 },
  ],
};
const cues = (file: string): string[] => file.split('\n\n').slice(1).map((cue) => cue.trim()).filter(Boolean); // prettier-ignore

describe('subtitles', () => {
  it('show each word from when it is heard, with those before it, and go on in the next segment', () => {
    const subtitles = new Subtitles();
    subtitles.add(said);
    expect(cues(subtitles.segment(25 * FRAME, 25 * FRAME))).toEqual([
      '00:00:00.040 --> 00:00:00.460\n<v Avatar>Fish',
      '00:00:00.460 --> 00:00:00.640\n<v Avatar>Fish &amp;',
      '00:00:00.640 --> 00:00:01.000\n<v Avatar>Fish &amp; chips?',
    ]);
    expect(cues(subtitles.segment(50 * FRAME, 25 * FRAME))).toEqual([
      '00:00:00.000 --> 00:00:01.000\n<v Avatar>Fish &amp; chips?',
    ]);
    expect(cues(subtitles.segment(75 * FRAME, 25 * FRAME))).toEqual([
      '00:00:00.000 --> 00:00:00.200\n<v Avatar>Fish &amp; chips?',
    ]);
    expect(cues(subtitles.segment(100 * FRAME, 25 * FRAME))).toEqual([]);
  });

  it('say which instant of the media their times count from, in 33 bits', () => {
    const subtitles = new Subtitles();
    expect(subtitles.segment(25 * FRAME, 25 * FRAME)).toBe('WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:90000,LOCAL:00:00:00.000\n');
    const days = subtitles.segment(30 * 3_600 * 48_000, 48_000);
    expect(days).toContain(`MPEGTS:${30 * 3_600 * 90_000 - 2 ** 33},`);
  });

  it('take back what was cut, and end with the word that was', () => {
    const subtitles = new Subtitles();
    subtitles.add(said);
    subtitles.add({ ...said, end: 38, words: said.words?.slice(0, 2) });
    expect(cues(subtitles.segment(25 * FRAME, 50 * FRAME)).at(-1)).toBe('00:00:00.460 --> 00:00:01.320\n<v Avatar>Fish &amp;');
  });

  it('give way to the next clause, and show the host’s words once they are understood', () => {
    const subtitles = new Subtitles();
    subtitles.add({ utteranceId: 'one', clause: 0, text: 'Well.', start: 0, end: 20 });
    subtitles.add({ utteranceId: 'one', clause: 1, text: 'Yes.', start: 24, end: 40 });
    subtitles.add({ who: 'host', utteranceId: 'p', clause: 0, text: 'Realy', start: 4, end: 9, final: false });
    expect(cues(subtitles.segment(0, 50 * FRAME))).toEqual([
      '00:00:00.000 --> 00:00:00.960\n<v Avatar>Well.',
      '00:00:00.960 --> 00:00:02.000\n<v Avatar>Yes.',
    ]);
    subtitles.add({ who: 'host', utteranceId: 'p', clause: 0, text: 'Really?', start: 4, end: 9, final: true });
    expect(cues(subtitles.segment(50 * FRAME, 25 * FRAME))).toContain('00:00:00.000 --> 00:00:01.000\n<v You>Really?');
  });
});
