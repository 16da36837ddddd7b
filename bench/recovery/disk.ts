import { setTimeout as sleep } from 'node:timers/promises';
import { startServer } from '#test/support/server.ts';
import { mountSmallDisk } from '#test/support/small-disk.ts';
import { rowOf, type RecoveryRow } from './row.ts';

const TIMES = 5;

/** Fills the disk under the database, prompts, and makes room again. Without the right to mount one there is nothing to tell. */
export async function run(): Promise<RecoveryRow[]> {
  const disk = await mountSmallDisk(6);
  if (!disk) return [];
  try {
    const server = await startServer({ DATA_DIR: disk.path, RENDERER: 'pattern' });
    const session = await server.createSession({});
    const [answers, writes]: [number[], number[]] = [[], []];
    for (let time = 0; time < TIMES; time += 1) {
      await disk.fill();
      const askedAt = performance.now();
      const prompt = { text: 'One more.', mode: 'say' };
      const { body } = await server.call('POST', `/v1/sessions/${session.id}/prompts`, prompt, session.token);
      answers.push(performance.now() - askedAt);
      if ((body as { stored?: boolean }).stored !== false) throw new Error('a full disk was said to have stored a prompt');
      await sleep(200 + Math.random() * 2_000);
      const written = (): number => server.log.filter(({ msg }) => msg === 'history is written again').length;
      const [before, freedAt] = [written(), performance.now()];
      await disk.free();
      while (written() === before) await sleep(10);
      writes.push(performance.now() - freedAt);
    }
    await server.stop();
    return [
      rowOf('the disk is full → a prompt is accepted, and said to be unstored', 'the conversation goes on', 500, answers),
      rowOf('there is room again → all is written', 'nothing lost, ≤ 2.5 s', 2_500, writes),
    ];
  } finally {
    await disk.remove();
  }
}
