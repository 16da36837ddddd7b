import { expect, it } from 'vitest';
import type { Turn } from '#protocol/http.ts';
import { asText, asVtt } from './transcript-text.ts';

const T = Date.UTC(2026, 0, 2, 3, 4, 5);
const turns: Turn[] = [
  { utteranceId: 'a', mode: 'greeting', spoken: 'Hello!', state: 'done', askedAt: T, startedAt: T + 500, endedAt: T + 2_500 },
  {
    utteranceId: 'b',
    mode: 'chat',
    prompt: 'Is 1 < 2\n\n& why?',
    image: 'seen',
    spoken: 'Yes, because…',
    state: 'interrupted',
    askedAt: T + 4_000,
    startedAt: T + 5_250,
    endedAt: T + 3_605_250,
  },
  { utteranceId: 'c', mode: 'say', prompt: 'Bye', spoken: '', state: 'queued', askedAt: T + 9_000 },
];

it('says who said what and when, and what was interrupted', () => {
  expect(asText(turns, 'Ada')).toBe(
    [
      '[2026-01-02 03:04:05] Ada: Hello!\n',
      '[2026-01-02 03:04:09] You: Is 1 < 2 & why? [an image was shown]\n',
      '[2026-01-02 03:04:10] Ada: Yes, because… [interrupted]\n',
      '[2026-01-02 03:04:14] You (to be said): Bye\n',
    ].join(''),
  );
});

it('is WebVTT from the first word on, whatever is in it', () => {
  expect(asVtt(turns, 'Ada <3').split('\n\n')).toEqual([
    'WEBVTT',
    '00:00:00.000 --> 00:00:02.000\n<v Ada &lt;3>Hello!',
    '00:00:03.500 --> 00:00:05.000\n<v You>Is 1 &lt; 2 &amp; why? [an image was shown]',
    '00:00:04.750 --> 01:00:04.750\n<v Ada &lt;3>Yes, because… [interrupted]',
    '00:00:08.500 --> 00:00:10.000\n<v You (to be said)>Bye\n',
  ]);
  expect(asVtt([], 'Ada')).toBe('WEBVTT\n');
});
