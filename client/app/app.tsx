import { useState } from 'react';
import { AvatarStage } from '#client/react/avatar-stage.tsx';
import { useAvatar } from '#client/react/use-avatar.ts';
import { useCountdown } from '#client/react/use-countdown.ts';
import { useTurns } from '#client/react/use-turns.ts';
import type { AvatarClient } from '#client/sdk/index.ts';
import { Captions } from './captions.tsx';
import { Composer } from './composer.tsx';
import { Header } from './header.tsx';
import { Log } from './log.tsx';
import { Overlay } from './overlay.tsx';
import { Shown } from './show.tsx';
import { Sound } from './sound.tsx';
import { mood } from './words.ts';

/** The page: the stage in the middle, what is said below it, the log at the side. */
export function App({ client }: { client: AvatarClient }) {
  const snapshot = useAvatar(client);
  const { turns, noteAsked } = useTurns(client, snapshot.session?.id);
  const state = useCountdown(snapshot.state);
  const [isLogOpen, setLogOpen] = useState(false);
  const { session, caption, hostCaption, connection } = snapshot;
  const hasEnded = connection.status === 'ended';
  return (
    <div className="page" data-log={isLogOpen}>
      <Header client={client} snapshot={snapshot} isLogOpen={isLogOpen} onLog={() => setLogOpen(!isLogOpen)} />
      <main className="main">
        <AvatarStage client={client} className="stage">
          <p
            className="mood"
            data-state={connection.status === 'live' ? state?.state : connection.status}
            data-hears={state?.state === 'listening' && state.reason !== undefined}
            role="status"
            title={state?.reason}
          >
            <i aria-hidden />
            <span data-testid="state">{mood({ state, connection })}</span>
          </p>
          <Shown client={client} state={snapshot.sight} />
          {!hasEnded && <Sound client={client} sound={snapshot.sound} />}
          <Overlay client={client} snapshot={snapshot} />
        </AvatarStage>
        <Captions avatar={caption} host={hostCaption} />
        {session?.role === 'viewer' ? (
          <p className="watching">You are watching. Only the host can speak.</p>
        ) : (
          <Composer client={client} snapshot={snapshot} onAsked={noteAsked} />
        )}
      </main>
      <Log client={client} avatar={session?.avatar?.name} turns={turns} isOpen={isLogOpen} onClose={() => setLogOpen(false)} />
    </div>
  );
}
