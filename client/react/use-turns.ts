import { useCallback, useEffect, useState } from 'react';
import type { AvatarClient, LoggedTurn } from '#client/sdk/index.ts';

/** The conversation so far, oldest first: what was said before this client came, then what it saw. */
export function useTurns(client: AvatarClient, session: string | undefined) {
  const [turns, setTurns] = useState<readonly LoggedTurn[]>([]);
  const note = useCallback((turn: LoggedTurn) => setTurns((known) => merge(known, turn)), []);
  useEffect(() => {
    if (session === undefined) return;
    let isCurrent = true;
    // What others asked, and what was said before, only the server knows; the log does without when it won't tell.
    const catchUp = () =>
      void client.transcript().then(
        (before) => isCurrent && setTurns((known) => known.reduce(merge, before)),
        () => undefined,
      );
    const off = client.on('turn', (turn) => {
      note(turn);
      catchUp();
    });
    catchUp();
    return () => {
      isCurrent = false;
      off();
    };
  }, [client, session, note]);
  return { turns, noteAsked: note };
}

/** Each utterance once, with everything that is known of it. */
function merge(known: readonly LoggedTurn[], turn: LoggedTurn): readonly LoggedTurn[] {
  if (!known.some(({ utteranceId }) => utteranceId === turn.utteranceId)) return [...known, turn];
  return known.map((other) => (other.utteranceId === turn.utteranceId ? { ...other, ...turn } : other));
}
