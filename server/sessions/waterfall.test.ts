import { expect, test } from 'vitest';
import { open, WORD } from './session.fixture.ts';

test('a short turn that somebody sees is told of once they say when they saw it, and after half a second if they don’t', async () => {
  const { session, pass, of, parts } = await open();
  parts.counts.webrtc = 1;
  const say = async (text: string, traceId?: string) => {
    const asked = await session.prompt({ text, mode: 'say' }, traceId);
    await pass(50);
    parts.stage.emit('voice');
    return asked;
  };
  const { utteranceId, traceId } = await say('a', 'f'.repeat(32));
  expect(traceId).toBe('f'.repeat(32));
  session.painted('early', { utteranceId, agoMs: 1_000 });
  await pass(WORD);
  session.painted('other', { utteranceId: 'of another turn', agoMs: 0 });
  expect(of('turn')).toEqual([]);
  session.painted('viewer', { utteranceId, agoMs: 20 });
  expect(of('turn')).toMatchObject([{ utteranceId, traceId, outcome: 'done' }]);
  const { stages, painted } = of('turn')[0] as { stages: Record<string, number>; painted: unknown };
  expect(Object.keys(stages).slice(-4)).toEqual(['playout', 'firstPacket', 'painted', 'end']);
  expect(painted).toEqual({ viewers: 1, lastMs: stages.painted });
  await say('b');
  await pass(WORD);
  expect(of('turn')).toHaveLength(1);
  await pass(500);
  await say('c');
  await pass(WORD);
  await session.close('ended');
  expect(of('turn').map(({ spoken }) => spoken)).toEqual(['a', 'b', 'c']);
});
