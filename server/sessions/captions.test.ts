import { expect, it } from 'vitest';
import { TICKS_PER_FRAME } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import type { Caption } from '#protocol/signalling.ts';
import { Captions } from './captions.ts';
import { open as openSession } from './session.fixture.ts';
import { SilentStage } from './silent-stage.fixture.ts';
import { StillHls } from './silent.fixture.ts';

const EPOCH = 1_700_000_000_000;
const frames = (count: number): number => count * TICKS_PER_FRAME;

function open() {
  const time = { ms: 0 };
  const clock = { now: () => time.ms, wall: () => EPOCH + time.ms, at: () => () => undefined };
  const told: Caption[] = [];
  const captions = new Captions({
    stage: new SilentStage(clock),
    hls: new StillHls(),
    clock,
    tell: (caption) => told.push(caption),
  });
  const outlook = new Outlook(0);
  const clause = { utteranceId: 'one', clause: { index: 0, text: 'Good day' }, outlook, startFrame: 100, endFrame: 110 };
  const words = [
    { text: 'Good', start: frames(1), end: frames(4) },
    { text: 'day', start: frames(5.5), end: frames(14) },
  ];
  return { time, told, captions, outlook, clause, words };
}

it('tells a clause when it goes on air and again when more is known of it', () => {
  const { told, captions, outlook, clause, words } = open();
  captions.clause(clause);
  expect(told).toEqual([{ utteranceId: 'one', clause: 0, text: 'Good day', start: 100, end: 110 }]);
  outlook.spell(0, { words: words.slice(0, 1), length: undefined });
  outlook.spell(1, { words: [], length: 0 });
  outlook.spell(0, { words, length: frames(15) });
  expect(told.slice(1).map(({ end, words: known }) => [end, known?.map(({ text, start }) => [text, start])])).toEqual([
    [110, [['Good', 101]]],
    [115, [['Good', 101], ['day', 105.5]]], // prettier-ignore
  ]);
  captions.close();
  outlook.spell(0, { words, length: frames(15) });
  expect(told).toHaveLength(3);
});

it('ends what is cut with the word that is, and goes on at another place', () => {
  const { time, told, captions, outlook, clause, words } = open();
  outlook.spell(0, { words, length: frames(15) });
  captions.clause(clause);
  // The next 20 ms of sound, 50 ahead of their picture, fade out: frame 104.
  time.ms = 104 * 40 - 70;
  captions.cut();
  expect(told.at(-1)).toMatchObject({ end: 104, words: [{ text: 'Good', start: 101, end: 104 }] });
  captions.cut();
  expect(told).toHaveLength(2);
  captions.clause({ ...clause, startFrame: 150, endFrame: 165 });
  expect(told.at(-1)).toMatchObject({ start: 150, end: 165, words: [{ start: 151 }, { start: 155.5 }] });
  time.ms = 400 * 40;
  captions.cut();
  expect(told).toHaveLength(3);
});

it('takes back what is not heard of a clause that breaks off', async () => {
  const { session, pass, parts, of } = await openSession();
  await session.prompt({ text: 'one', mode: 'chat' });
  await pass(10);
  expect(of('caption')).toMatchObject([{ text: 'echo', start: 1, end: 4 }]);
  parts.stage.emit('brokenOff');
  expect(of('caption').slice(1)).toMatchObject([{ text: 'echo', start: 1, end: 2 }]);
  await session.close('test over');
});

it('puts what the host says into stage time', () => {
  const { time, told, captions } = open();
  time.ms = 10_000;
  captions.host({ id: 'p1', text: 'hello', final: false, startMs: 9_010, endMs: 9_980 });
  expect(told).toEqual([{ who: 'host', utteranceId: 'p1', clause: 0, text: 'hello', final: false, start: 225, end: 250 }]);
});
