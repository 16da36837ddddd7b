import { useState } from 'react';
import type { AvatarClient, Snapshot } from '#client/sdk/index.ts';
import { CloseIcon } from './icons.tsx';
import { ending } from './words.ts';

/** What has to be said about the picture: that it is coming, that it comes by HLS, that it is over. */
export function Overlay({ client, snapshot: { connection, error } }: { client: AvatarClient; snapshot: Snapshot }) {
  const { status, transport, reason } = connection;
  const [dismissed, setDismissed] = useState<string>();
  if (status === 'ended') {
    const { title, text } = error ? ending(error) : { title: 'You have left', text: 'The conversation goes on without you.' };
    return (
      <div className="ended" role="alert" data-testid="ended">
        <h2>{title}</h2>
        <p>{text}</p>
        <a className="primary" href={location.pathname}>
          Start again
        </a>
      </div>
    );
  }
  if (status === 'connecting') {
    return (
      <div className="veil">
        <i className="spinner" aria-hidden />
        {error && <p role="status">{error.message} Trying again…</p>}
      </div>
    );
  }
  if (status === 'reconnecting') {
    return (
      <p className="notice" role="status" data-testid="reconnecting">
        <i className="spinner" aria-hidden />
        <span>The connection was lost. Reconnecting…</span>
      </p>
    );
  }
  if (transport !== 'hls' || reason === undefined || dismissed === reason) return null;
  return (
    <p className="notice" role="status" data-testid="hls-notice">
      <span>Watching by HLS because {reason}.</span>
      <button type="button" onClick={() => client.retryWebRtc()}>
        Try WebRTC
      </button>
      <button type="button" aria-label="Dismiss" onClick={() => setDismissed(reason)}>
        <CloseIcon />
      </button>
    </p>
  );
}
