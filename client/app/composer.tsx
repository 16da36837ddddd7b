import { useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react';
import { MAX_TEXT, type PromptBody } from '#protocol/http.ts';
import { asClientError, type AvatarClient, type Snapshot } from '#client/sdk/index.ts';
import { ArrowUpIcon, StopIcon } from './icons.tsx';
import { useHistory } from './history.ts';
import { Microphone } from './microphone.tsx';
import { Show } from './show.tsx';
import { blindness, invitation, refusal, trouble } from './words.ts';

type Mode = PromptBody['mode'];

interface ComposerProps {
  readonly client: AvatarClient;
  readonly snapshot: Snapshot;
  readonly onAsked: (asked: { utteranceId: string; mode: Mode; prompt: string }) => void;
}

const HINTS = { chat: 'Ask me something', say: 'Type what I shall say' } as const;
const BUSY = new Set(['thinking', 'buffering', 'speaking', 'degraded']);

/** The text box: Enter sends, Shift+Enter breaks the line, ↑ and ↓ go through what was sent, Escape interrupts. */
export function Composer({ client, snapshot, onAsked }: ComposerProps) {
  const box = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState('');
  const [mode, setMode] = useState<Mode>('chat');
  const [problem, setProblem] = useState<string>();
  const history = useHistory();
  const isReady = snapshot.session?.role === 'host' && snapshot.connection.status !== 'ended';
  const canInterrupt = isReady && BUSY.has(snapshot.state?.state ?? '');
  const prompt = text.trim();
  const hint = invitation(snapshot.microphone) ?? HINTS[mode];

  useLayoutEffect(() => {
    if (!box.current) return;
    box.current.style.height = 'auto';
    box.current.style.height = `${box.current.scrollHeight}px`;
  }, [text]);

  const send = async (): Promise<void> => {
    if (!prompt || !isReady) return;
    // The touch that sends is the touch the browser waited for before it lets us be heard.
    if (snapshot.sound.blocked) client.unmute();
    setText('');
    setProblem(undefined);
    history.add(prompt);
    try {
      onAsked({ ...(await client.prompt(prompt, mode)), mode, prompt });
    } catch (error) {
      setProblem(refusal(asClientError(error)));
      setText((now) => now || prompt);
    }
    box.current?.focus();
  };
  const interrupt = (): void => {
    client.interrupt().catch((error: unknown) => setProblem(refusal(asClientError(error))));
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      void send();
    } else if (event.key === 'Escape' && canInterrupt) {
      interrupt();
    } else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
      const recalled = history.recall(event.key, text, event.currentTarget);
      if (recalled === undefined) return;
      event.preventDefault();
      setText(recalled);
    }
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <div className="box">
        <textarea
          ref={box}
          data-testid="prompt"
          rows={1}
          maxLength={MAX_TEXT}
          placeholder={hint}
          aria-label={HINTS[mode]}
          enterKeyHint="send"
          autoComplete="off"
          autoFocus
          disabled={!isReady}
          value={text}
          onChange={({ target }) => setText(target.value)}
          onKeyDown={onKeyDown}
        />
        <div className="row">
          <div className="modes" role="radiogroup" aria-label="What to do with the text">
            {(['chat', 'say'] as const).map((each) => (
              <label key={each} title={each === 'chat' ? 'The avatar answers' : 'The avatar says the text as it is'}>
                <input type="radio" name="mode" checked={mode === each} disabled={!isReady} onChange={() => setMode(each)} />
                {each === 'chat' ? 'Ask' : 'Say'}
              </label>
            ))}
          </div>
          <button
            type="button"
            className="stop"
            data-testid="interrupt"
            disabled={!canInterrupt}
            onClick={interrupt}
            aria-label="Interrupt"
          >
            <StopIcon />
            <span>Interrupt</span>
          </button>
          <Show client={client} state={snapshot.sight} isReady={isReady} />
          <Microphone client={client} state={snapshot.microphone} isReady={isReady} />
          <button type="submit" className="send" data-testid="send" disabled={!isReady || !prompt} aria-label="Send">
            <ArrowUpIcon />
          </button>
        </div>
      </div>
      <p className="problem" role="alert" data-testid="problem">
        {problem ?? trouble(snapshot.microphone) ?? blindness(snapshot.sight)}
      </p>
    </form>
  );
}
