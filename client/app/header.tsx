import { useEffect, useState } from 'react';
import type { AvatarClient, Snapshot } from '#client/sdk/index.ts';
import { writeClipboard } from './clipboard.ts';
import { CheckIcon, LinkIcon, LogIcon } from './icons.tsx';
import { route } from './words.ts';

interface HeaderProps {
  readonly client: AvatarClient;
  readonly snapshot: Snapshot;
  readonly isLogOpen: boolean;
  readonly onLog: () => void;
}

export function Header({ client, snapshot: { session, connection }, isLogOpen, onLog }: HeaderProps) {
  return (
    <header className="header">
      <h1>
        <svg className="mark" viewBox="0 0 32 32" aria-hidden>
          <path d="M8.5 13.5v5M13.5 9v14M18.5 12v8M23.5 14.5v3" />
        </svg>
        {session?.avatar?.name ?? 'InfiniteTalk'}
      </h1>
      <p className="route" data-testid="transport" data-status={connection.status} title={connection.reason}>
        <i aria-hidden />
        {route(connection)}
      </p>
      <nav aria-label="Conversation">
        {session?.role === 'host' && connection.status !== 'ended' && <CopyLink client={client} />}
        <button type="button" className="quiet" aria-expanded={isLogOpen} aria-controls="log" onClick={onLog}>
          <LogIcon />
          <span>Log</span>
        </button>
      </nav>
    </header>
  );
}

const SAID = { no: 'Copy viewer link', yes: 'Link copied', failed: "Couldn't copy" } as const;

function CopyLink({ client }: { client: AvatarClient }) {
  const [copied, setCopied] = useState<keyof typeof SAID>('no');
  useEffect(() => {
    if (copied === 'no') return;
    const timer = setTimeout(() => setCopied('no'), 2_500);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async (): Promise<void> => {
    try {
      await writeClipboard(client.viewerLink());
      setCopied('yes');
    } catch {
      setCopied('failed');
    }
  };
  return (
    <button type="button" className="quiet" data-testid="copy-link" onClick={() => void copy()} aria-label={SAID[copied]}>
      {copied === 'yes' ? <CheckIcon /> : <LinkIcon />}
      <span role="status">{SAID[copied]}</span>
    </button>
  );
}
