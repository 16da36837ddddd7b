import { useEffect, useState } from 'react';
import type { AvatarClient, TranscriptFormat } from '#client/sdk/index.ts';
import { writeClipboard } from './clipboard.ts';
import { CheckIcon, CopyIcon, DownloadIcon } from './icons.tsx';

const FORMATS: readonly TranscriptFormat[] = ['txt', 'json', 'vtt'];
const SAID = { no: 'Copy the conversation', yes: 'Copied', failed: "That didn't work" } as const;

/** Takes the conversation along: as text in the clipboard, or as a file. */
export function Keep({ client }: { client: AvatarClient }) {
  const [done, setDone] = useState<keyof typeof SAID>('no');
  useEffect(() => {
    if (done === 'no') return;
    const timer = setTimeout(() => setDone('no'), 2_500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async (): Promise<void> => {
    try {
      await writeClipboard(client.transcriptFile('txt').then((file) => file.text()));
      setDone('yes');
    } catch {
      setDone('failed');
    }
  };
  const download = async (format: TranscriptFormat): Promise<void> => {
    try {
      save(await client.transcriptFile(format), `conversation.${format}`);
    } catch {
      setDone('failed');
    }
  };
  return (
    <div className="keep" role="group" aria-label="Keep the conversation">
      <button type="button" className="quiet" data-testid="copy-log" title={SAID[done]} onClick={() => void copy()}>
        {done === 'yes' ? <CheckIcon /> : <CopyIcon />}
        <i className="aside" role="status">
          {SAID[done]}
        </i>
      </button>
      {FORMATS.map((format) => (
        <button
          key={format}
          type="button"
          className="quiet"
          data-testid={`download-${format}`}
          aria-label={`Download as ${format}`}
          onClick={() => void download(format)}
        >
          <DownloadIcon />
          {format}
        </button>
      ))}
    </div>
  );
}

function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}
