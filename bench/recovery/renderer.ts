import { setTimeout as sleep } from 'node:timers/promises';
import { startPluggedServer, type PluggedServer } from '#test/support/plugs.ts';
import { rowOf, type RecoveryRow } from './row.ts';

const TIMES = 6;
const MS_PER_FRAME = 40;
/** After so long all is as before; the time without pictures is counted, not awaited. */
const SETTLED = 5_000;
const LIMIT = 2_000;

/** Ends and hangs the portrait's thread in the middle of a story. */
export async function run(): Promise<RecoveryRow[]> {
  const server = await startPluggedServer();
  try {
    const session = await server.createSession({});
    const talking = async (): Promise<void> => {
      if ((await server.stage(session)).state === 'speaking') return;
      await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text: 'Tell me a long story.' }, session.token);
      while ((await server.stage(session)).state !== 'speaking') await sleep(50);
      await sleep(2_000);
    };
    const rows: RecoveryRow[] = [];
    for (const [what, kind, fault] of [
      ['ends', 'crash', 'process.exit(7)'],
      ['hangs', 'hang', 'for (;;) {}'],
    ] as const) {
      const samples: number[] = [];
      for (let time = 0; time < TIMES; time += 1) {
        await talking();
        const before = await late(server);
        await server.inThread('portrait', fault);
        await sleep(SETTLED);
        samples.push(((await late(server)) - before) * MS_PER_FRAME);
      }
      const deaths = await metric(server, `provider_errors_total{provider="portrait",kind="${kind}"}`);
      if (deaths !== TIMES) throw new Error(`${String(TIMES)} threads should have died of a ${kind}, ${String(deaths)} did`);
      const plug = `the renderer's thread ${what} → speech shown without its own pictures`;
      rows.push(rowOf(plug, 'idle face after 80 ms, pictures back ≤ 2 s, the voice unbroken', LIMIT, samples));
    }
    if ((await metric(server, 'playout_stalls_total')) > 0) throw new Error('the voice was broken');
    return rows;
  } finally {
    await server.stop();
  }
}

const late = (server: PluggedServer): Promise<number> => metric(server, 'playout_late_frames_total');

async function metric({ url }: PluggedServer, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')
      .at(-1) ?? NaN,
  );
}
