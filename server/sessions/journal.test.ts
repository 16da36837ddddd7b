import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.ts';
import { AvatarError } from '#base/errors.ts';
import { createLog } from '#base/log.ts';
import type { Turn } from '#protocol/http.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import type { KeptSession } from './history.ts';
import { Journal } from './journal.ts';
import { MemoryHistory } from './memory-history.ts';

/** Takes nothing while it is full, and answers late while it hangs. */
class FullHistory extends MemoryHistory {
  full = false;
  hanging: Promise<void> | undefined;
  saves = 0;

  override async begin(session: KeptSession): Promise<void> {
    await this.#disk();
    return super.begin(session);
  }

  override async save(sessionId: string, turn: Turn): Promise<void> {
    const now = { ...turn };
    this.saves += 1;
    await this.#disk();
    return super.save(sessionId, now);
  }

  async #disk(): Promise<void> {
    await this.hanging;
    if (this.full) throw new AvatarError('storage_failed', 'The disk is full.', { details: { kind: 'full' } });
  }
}

function open() {
  const clock = new VirtualClock();
  const history = new FullHistory();
  const metrics = createMetrics();
  const lines: string[] = [];
  const log = createLog('info', { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) });
  const journal = new Journal({ history, clock, log, metrics });
  const troubles: string[] = [];
  journal.on('trouble', ({ message }) => troubles.push(message));
  const errors = async () => (await metrics.registry.getSingleMetricAsString('history_errors_total')).match(/^h.*$/gm) ?? [];
  return { clock, history, journal, lines, troubles, errors };
}

const kept = { id: 'session-1', request: {}, createdAt: 1 };
const turn = (spoken = ''): Turn => ({
  utteranceId: 'utterance-1',
  mode: 'say',
  prompt: 'x',
  spoken,
  state: 'queued',
  askedAt: 1,
});

test('what is written is durable, and says so', async () => {
  const { journal, history } = open();
  expect(await journal.begin(kept)).toBe(true);
  expect(await journal.save('session-1', turn())).toBe(true);
  expect(await history.turns('session-1')).toEqual([turn()]);
  expect(await journal.end('session-1', 'over')).toBe(true);
  expect((await history.recover()).ended).toEqual(['session-1']);
});

test('a full disk: nobody is refused, nobody is lied to, one complaint; with room again all is written, in order, as it is then', async () => {
  const { clock, journal, history, troubles, lines, errors } = open();
  history.full = true;
  const live = turn();
  expect(await Promise.all([journal.begin(kept), journal.save('session-1', live)])).toEqual([false, false]);
  live.spoken = 'heard meanwhile';
  await clock.advance(5_000);
  expect(troubles).toEqual(['The disk is full.']);
  expect(await errors()).toEqual(['history_errors_total{kind="full"} 6']);
  history.full = false;
  await clock.advance(2_000);
  expect(await history.turns('session-1')).toEqual([turn('heard meanwhile')]);
  expect(lines).toEqual(['history can not be written; conversations go on', 'history is written again']);
  history.full = true;
  expect(await journal.save('session-1', live)).toBe(false);
  expect(troubles).toHaveLength(2);
});

test('a disk that hangs: whoever waits is told after five seconds that it is not written yet; it is in the end', async () => {
  const { clock, journal, history, errors } = open();
  await journal.begin(kept);
  let free = () => {};
  history.hanging = new Promise((resolve) => (free = resolve));
  const saved = journal.save('session-1', turn());
  await clock.advance(5_000);
  expect(await saved).toBe(false);
  expect(await errors()).toEqual(['history_errors_total{kind="late"} 1']);
  free();
  await clock.advance(0);
  expect(await history.turns('session-1')).toHaveLength(1);
});

test('changes of one turn faster than the disk: the newest state follows the one being written, and no older one after it', async () => {
  const { journal, history } = open();
  await journal.begin(kept);
  const live = turn();
  const saved = ['a', 'a b', 'a b c', 'a b c d'].map((spoken) => {
    live.spoken = spoken;
    return journal.save('session-1', live);
  });
  expect(await Promise.all(saved)).toEqual([true, true, true, true]);
  expect(history.saves).toBe(2);
  expect(await history.turns('session-1')).toEqual([turn('a b c d')]);
});

test('closing tries once more, and says what is lost', async () => {
  const { journal, history, lines } = open();
  history.full = true;
  await journal.begin(kept);
  history.full = false;
  await journal.close('stop');
  expect((await history.recover()).sessions).toHaveLength(1);
  const lost = open();
  lost.history.full = true;
  await lost.journal.begin(kept);
  await lost.journal.close('stop');
  expect(lost.lines.at(-1)).toBe('history lost: it could not be written');
  expect(lines.at(-1)).toBe('history is written again');
});
