import type { CreatedSession, Transcript } from '#protocol/http.ts';
import type { RunningServer } from './server.ts';

/** Some 13 s for flite; the recogniser finds nearly all of its words in clean sound. */
export const LONG_TEXT =
  'The weather is nice today. We went to the market in the morning and got some bread and milk. ' +
  'My brother plays the guitar every evening after dinner. The children are walking to school with their teacher. ' +
  'Please open the window and close the door.';

/** Lets the avatar say `text`; resolves when it has begun, with a wait for its end. */
export async function say(server: RunningServer, session: CreatedSession, text: string): Promise<() => Promise<void>> {
  const { body } = await server.call('POST', `/v1/sessions/${session.id}/prompts`, { text, mode: 'say' }, session.token);
  const { utteranceId } = body as { utteranceId: string };
  const path = `/v1/sessions/${session.id}/transcript`;
  const isDone = async (): Promise<boolean> => {
    const { turns } = (await server.call('GET', path, undefined, session.token)).body as Transcript;
    return turns.find((turn) => turn.utteranceId === utteranceId)?.state === 'done';
  };
  while ((await server.stage(session)).state !== 'speaking') await rest(50);
  return async () => {
    while (!(await isDone())) await rest(100);
  };
}

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
