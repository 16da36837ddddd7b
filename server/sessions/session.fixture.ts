import { VirtualClock } from '#base/clock.ts';
import { createLog } from '#base/log.ts';
import { CreateSession, type SessionState, type Turn } from '#protocol/http.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { Journal } from './journal.ts';
import { MemoryHistory } from './memory-history.ts';
import { Session } from './session.ts';
import { silentParts } from './silent.fixture.ts';

/** ms that a word takes: 3 frames of 40 ms. */
export const WORD = 120;

/** A session over silent parts on a virtual clock, with what it tells. */
export async function open(request: Partial<CreateSession> = {}, idleTimeout = 600_000, past?: Turn[]) {
  const clock = new VirtualClock();
  const parts = silentParts(clock, 40);
  const lines: string[] = [];
  const log = createLog('error', { write: (line) => lines.push(line) });
  const metrics = createMetrics();
  const history = new MemoryHistory();
  const journal = new Journal({ history, clock, log, metrics });
  const kept = { id: 'session-1', request: CreateSession.parse(request), createdAt: clock.wall() };
  await journal.begin(kept);
  const session = Session.open({
    kept,
    ...(past ? { past } : {}),
    stored: true,
    parts,
    journal,
    idleTimeout,
    clock,
    log,
    metrics,
  });
  const events: { name: string; payload: Record<string, unknown> }[] = [];
  session.on('event', (event) => events.push(event));
  const of = (name: string) => events.filter((event) => event.name === name).map(({ payload }) => payload);
  const states = () => of('state').map(({ state }) => state as SessionState);
  // What was just asked settles first, so that its timers count from now.
  const pass = async (ms: number) => {
    await clock.advance(0);
    await clock.advance(ms);
  };
  return { session, pass, parts, lines, metrics, events, of, states, history, clock };
}
