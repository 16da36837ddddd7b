import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Captions } from './captions.ts';

const clause = (number: number, start: number, end: number, utteranceId = 'utterance') => ({
  utteranceId,
  clause: number,
  text: `clause ${number}`,
  start,
  end,
});

describe('captions', () => {
  it('shows a clause from its first frame to its last, not when it arrives', () => {
    const captions = new Captions();
    captions.add(clause(0, 100, 150));
    expect(captions.at(99.9)).toBeUndefined();
    expect(captions.at(100)?.clause).toBe(0);
    expect(captions.at(149.9)?.clause).toBe(0);
    expect(captions.at(150)).toBeUndefined();
  });

  it('bridges a pause between clauses, and lets the next one begin in time', () => {
    const captions = new Captions();
    captions.add(clause(1, 160, 200));
    captions.add(clause(0, 100, 150));
    expect(captions.at(155, 20)?.clause).toBe(0);
    expect(captions.at(160, 20)?.clause).toBe(1);
    expect(captions.at(219, 20)?.clause).toBe(1);
    expect(captions.at(220, 20)).toBeUndefined();
    expect(captions.isEmpty).toBe(true);
  });

  it('takes back what an interrupted utterance will not say, and nothing else', () => {
    const captions = new Captions();
    captions.add(clause(0, 100, 150, 'cut'));
    captions.add(clause(1, 150, 200, 'cut'));
    captions.add(clause(0, 160, 210, 'next'));
    captions.cut({ utteranceId: 'cut', outcome: 'interrupted' }, 120.5);
    expect(captions.at(120.6)?.utteranceId).toBe('cut');
    expect(captions.at(121)).toBeUndefined();
    expect(captions.at(165)?.utteranceId).toBe('next');
  });

  it('lets an utterance that is done finish at the viewer, who hears it later', () => {
    const captions = new Captions();
    captions.add(clause(0, 100, 150));
    captions.cut({ utteranceId: 'utterance', outcome: 'done' }, 150);
    expect(captions.at(140)?.clause).toBe(0);
  });

  it('takes the newest times of a clause', () => {
    const captions = new Captions();
    captions.add(clause(0, 100, 150));
    captions.add(clause(0, 200, 250));
    expect(captions.at(120)).toBeUndefined();
    expect(captions.at(220)?.clause).toBe(0);
  });

  it('shows no word before it is heard, and none that is not', () => {
    const captions = new Captions();
    const words = [
      { text: 'Well,', start: 101.5, end: 110 },
      { text: 'well.', start: 120, end: 130 },
    ];
    captions.add(clause(0, 60, 100));
    captions.add({ ...clause(1, 100, 135), text: 'Well, well.', words });
    expect(captions.at(101.4, 20)?.clause).toBe(0);
    expect(captions.at(101.5, 20)?.heard).toBe('Well,');
    expect(captions.at(119.9)?.heard).toBe('Well,');
    expect(captions.at(120)?.heard).toBe('Well, well.');
    captions.cut({ utteranceId: 'utterance', outcome: 'interrupted' }, 115);
    expect(captions.at(114)?.heard).toBe('Well,');
    expect(captions.at(121, 20)?.heard).toBe('Well,');
  });

  it('keeps the host’s words beside the avatar’s', () => {
    const captions = new Captions();
    captions.add(clause(0, 100, 150));
    captions.add({ ...clause(0, 120, 140, 'phrase'), who: 'host', text: 'Helo', final: false });
    captions.add({ ...clause(0, 120, 145, 'phrase'), who: 'host', text: 'Hello', final: true });
    expect(captions.at(130)?.text).toBe('clause 0');
    expect(captions.at(130, 0, 'host')).toMatchObject({ text: 'Hello', heard: 'Hello', final: true });
  });

  it('never shows a clause before it is heard or after it has lingered, in whatever order they come', () => {
    const gaps = fc.array(fc.record({ pause: fc.nat(50), length: fc.integer({ min: 1, max: 100 }) }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(gaps, fc.nat(30), fc.infiniteStream(fc.nat()), (plan, linger, order) => {
        let at = 0;
        const clauses = plan.map(({ pause, length }, number) => clause(number, (at += pause), (at += length)));
        const keyed = clauses.map((value) => ({ value, key: order.next().value as number })).sort((a, b) => a.key - b.key);
        const captions = new Captions();
        for (const { value } of keyed) captions.add(value);
        for (let frame = 0; frame < at + linger + 5; frame += 1) {
          const shown = captions.at(frame, linger);
          const spoken = clauses.find(({ start, end }) => start <= frame && frame < end);
          if (spoken) expect(shown).toMatchObject(spoken);
          else if (shown) expect(frame).toBeLessThan(shown.end + linger);
        }
      }),
    );
  });
});
