import { expect, it } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { Spare } from './spare.ts';

function start() {
  const clock = new VirtualClock();
  const opened: { readonly language: string; isOpen: boolean; close(): Promise<void> }[] = [];
  const open = (language: string) => {
    const one = {
      language,
      isOpen: true,
      close: async () => {
        one.isOpen = false;
      },
    };
    opened.push(one);
    return one;
  };
  return { clock, opened, spare: new Spare({ open, keep: 1_000, clock }) };
}

it('opens one ahead, gives it once, and a new one where there is none', () => {
  const { opened, spare } = start();
  spare.prepare('en');
  spare.prepare('en');
  expect(opened).toHaveLength(1);
  expect([spare.take('en'), spare.take('en')]).toEqual(opened);
  expect(opened).toHaveLength(2);
});

it('never gives one that was lost or speaks another language', () => {
  const { opened, spare } = start();
  spare.prepare('en');
  expect(spare.take('de')).toBe(opened[1]);
  Object.assign(opened[0] as object, { isOpen: false });
  expect(spare.take('en')).toBe(opened[2]);
  spare.prepare('en');
  spare.prepare('de');
  expect(opened.map((one) => one.isOpen)).toEqual([false, true, true, false, true]);
});

it('closes one that nobody took for a while, from the last wish on, and when it is closed itself', async () => {
  const { clock, opened, spare } = start();
  spare.prepare('en');
  await clock.advance(900);
  spare.prepare('en');
  await clock.advance(900);
  expect(opened.map((one) => one.isOpen)).toEqual([true]);
  await clock.advance(200);
  expect(opened.map((one) => one.isOpen)).toEqual([false]);
  spare.prepare('en');
  await spare.close('over');
  spare.prepare('en');
  expect(opened.map((one) => one.isOpen)).toEqual([false, false]);
});
