import fc from 'fast-check';
import { Parser } from 'm3u8-parser';
import { describe, expect, it } from 'vitest';
import { Playlist } from './playlist.ts';

const EPOCH = Date.UTC(2026, 0, 1);

function parse(text: string) {
  const parser = new Parser();
  parser.push(text);
  parser.end();
  return parser.manifest;
}

const entry = (sequence: number, changes = {}) => ({
  sequence,
  init: 0,
  ticks: sequence * 48_000,
  durationTicks: 48_000,
  discontinuity: false,
  ...changes,
});

describe('Playlist', () => {
  it('lists a window, with times, the map and the token on every URI', () => {
    let playlist = Playlist.empty(EPOCH);
    for (let sequence = 0; sequence < 12; sequence++) playlist = playlist.append(entry(sequence));
    const manifest = parse(playlist.render('a/b"c\n&d'));
    expect(manifest).toMatchObject({ version: 7, targetDuration: 2, mediaSequence: 5, discontinuitySequence: 0 });
    expect(manifest.endList ?? false).toBe(false);
    expect(manifest.segments.map(({ uri }) => uri)).toEqual(
      [5, 6, 7, 8, 9, 10, 11].map((n) => `segment_${n}.m4s?token=a%2Fb%22c%0A%26d`),
    );
    for (const [at, segment] of manifest.segments.entries()) {
      expect(segment.duration).toBe(1);
      expect(segment.map?.uri).toBe('init_0.mp4?token=a%2Fb%22c%0A%26d');
      expect(segment.dateTimeObject?.getTime()).toBe(EPOCH + (at + 5) * 1_000);
    }
  });

  it('never takes back what it has said', () => {
    const step = fc.record({ duration: fc.integer({ min: 20_000, max: 70_000 }), restart: fc.boolean(), clear: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        let [playlist, ticks, init] = [Playlist.empty(EPOCH), 0, 0];
        let before: { mediaSequence: number; epochs: ReadonlyMap<string, number> } | undefined;
        steps.forEach(({ duration, restart, clear }, sequence) => {
          if (clear) playlist = playlist.cleared();
          init += restart ? 1 : 0;
          playlist = playlist.append({ sequence, init, ticks, durationTicks: duration, discontinuity: restart });
          ticks += duration;
          const manifest = parse(playlist.render('t'));
          // m3u8-parser counts `timeline` from the discontinuity sequence on: one segment has one for ever.
          const epochs = new Map(manifest.segments.map(({ uri, timeline }) => [uri, timeline]));
          for (const [uri, timeline] of before?.epochs ?? []) if (epochs.has(uri)) expect(epochs.get(uri)).toBe(timeline);
          expect(manifest.mediaSequence).toBeGreaterThanOrEqual(before?.mediaSequence ?? 0);
          expect(manifest.targetDuration).toBe(2);
          for (const segment of manifest.segments) expect(Math.round(segment.duration)).toBeLessThanOrEqual(1);
          before = { mediaSequence: manifest.mediaSequence, epochs };
        });
      }),
    );
  });

  it('is not changed by what comes after it', () => {
    const first = Playlist.empty(EPOCH).append(entry(0));
    const text = first.render('t');
    first.append(entry(1));
    first.ended();
    expect(first.render('t')).toBe(text);
  });

  it('ends', () => {
    expect(parse(Playlist.empty(EPOCH).append(entry(0)).ended().render('t')).endList).toBe(true);
  });
});
