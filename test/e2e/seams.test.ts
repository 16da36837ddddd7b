import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '#test/support/server.ts';

/** What a switch between idle and speech may add, as a multiple of what the idle loop itself moves from picture to picture. */
const MOST = 1.5;

test(
  'no switch between idle and speech shows: the face moves no more than 1.5 times as usual',
  { timeout: 120_000 },
  async () => {
    const server = await startServer({ RENDERER: 'portrait' });
    onTestFinished(() => server.stop().then(() => undefined));
    const session = await server.createSession({ hls: 'always' });
    const say = (text: string) => server.call('POST', `/v1/sessions/${session.id}/prompts`, { text, mode: 'say' }, session.token);
    const quiet = async (): Promise<void> => {
      while ((await server.stage(session)).state !== 'idle') await sleep(50);
    };
    const speaking = async (): Promise<void> => {
      while ((await server.stage(session)).state !== 'speaking') await sleep(20);
    };
    for (const [at, text] of [
      'Yes.',
      'Oh, wow!',
      'My name is Nora.',
      'Papa paints the barn.',
      'No, never.',
      'Hello there.',
    ].entries()) {
      await say(text);
      await speaking();
      // Every third one is cut in the middle of a word.
      if (at % 3 === 2) await server.call('POST', `/v1/sessions/${session.id}/interrupt`, {}, session.token);
      await quiet();
      // Another pose each time.
      await sleep(370 * (1 + (at % 4)));
    }
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    for (const seam of ['idle_to_speech', 'speech_to_idle']) {
      const read = (what: string): number =>
        Number(new RegExp(`^seam_error_${what} (.*)$`, 'm').exec(metrics)?.[1] ?? Number.NaN);
      const [all, within] = [read(`count\\{seam="${seam}"\\}`), read(`bucket\\{le="${MOST}",seam="${seam}"\\}`)];
      expect(all, seam).toBeGreaterThanOrEqual(6);
      expect(
        within,
        `${seam}: ${metrics
          .split('\n')
          .filter((line) => line.startsWith('seam_error'))
          .join('\n')}`,
      ).toBe(all);
    }
  },
);
