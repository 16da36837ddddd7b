import type { Log } from '#base/log.ts';
import { aside } from '#server/avatars/phrase.ts';
import type { Renderer } from '#server/render/renderer.ts';
import { say } from '#server/speech/speak.ts';
import type { Foundation } from './foundation.ts';

const LINE = 'Good day to you.';

interface Around extends Pick<Foundation, 'llm' | 'tts' | 'flite' | 'renderer' | 'clock'> {
  readonly log: Log;
}

/**
 * Lets a face say a line to nobody: programs on the disk, libraries and threads are then as warm for the first visitor's answer as for the next one's. Only with
 * the voice and the renderer that come with the server: others are asked, and paid, for what is heard.
 */
export async function rehearse(face: string, { log, ...around }: Around, signal: AbortSignal): Promise<void> {
  const { tts, flite, clock, renderer } = around;
  if (tts !== flite || renderer.name !== 'portrait') return;
  const began = clock.now();
  const { frames } = say(
    LINE,
    { ...around, renderer: unmeasured(renderer) },
    {
      voice: { language: 'en' },
      request: { avatar: face, idleFrame: 0, background: true },
      signal,
      mark: () => undefined,
      renderFailed: (error) => log.warn({ err: error }, 'the renderer failed at the rehearsal'),
    },
  );
  try {
    for await (const _frame of frames) if (signal.aborted) return;
    log.debug({ ms: Math.round(clock.now() - began) }, 'rehearsed');
  } catch (error) {
    log.warn({ err: error }, 'the voice failed at the rehearsal');
  }
}

/** Draws as it does, without its pace being learned: cold, and beside the idle loop's pictures, that says nothing about later. */
const unmeasured = (renderer: Renderer): Renderer => ({
  ...aside(renderer),
  expectedRtf: renderer.expectedRtf,
  render: (windows, request, signal) => renderer.render(windows, request, signal),
});
