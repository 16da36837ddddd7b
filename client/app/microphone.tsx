import { useCallback, useEffect, useRef, useState, type PointerEvent } from 'react';
import { useLevel } from '#client/react/use-level.ts';
import type { AvatarClient, MicrophoneState } from '#client/sdk/index.ts';
import { ChevronUpIcon, MicrophoneIcon, MicrophoneOffIcon } from './icons.tsx';
import { MicrophoneMenu } from './microphone-menu.tsx';

interface MicrophoneProps {
  readonly client: AvatarClient;
  readonly state: MicrophoneState;
  readonly isReady: boolean;
}

/** Bars of the meter, from quiet to loud. */
const BARS = [0.06, 0.25, 0.45, 0.65, 0.85] as const;

/** One button: it turns the microphone on, then mutes it, or is held to talk. What else there is to choose is behind the arrow beside it. */
export function Microphone({ client, state, isReady }: MicrophoneProps) {
  const { microphone } = client;
  const { status, isMuted, isPushToTalk, isHeld } = state;
  const [isOpen, setOpen] = useState(false);
  const close = useCallback(() => setOpen(false), []);
  const button = useRef<HTMLButtonElement>(null);
  const isOff = status === 'off';
  const isHeard = status === 'on' && (isPushToTalk ? isHeld : !isMuted);
  useSpaceBar(client, isPushToTalk && !isOff, button);

  const press = (): void => {
    // This touch is also the one the browser waited for before it lets the avatar be heard.
    if (client.snapshot.sound.blocked) client.unmute();
    if (isOff) void microphone.start();
    else if (!isPushToTalk) microphone.mute(!isMuted);
  };
  const hold = (event: PointerEvent<HTMLButtonElement>): void => {
    if (!isPushToTalk || isOff) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    microphone.hold(true);
  };
  const letGo = (): void => microphone.hold(false);

  return (
    <div className="microphone" data-status={status} data-heard={isHeard}>
      <button
        ref={button}
        type="button"
        className="talk"
        data-testid="microphone"
        disabled={!isReady}
        aria-pressed={isHeard}
        aria-label={label(state)}
        title={label(state)}
        onClick={press}
        onPointerDown={hold}
        onPointerUp={letGo}
        onPointerCancel={letGo}
        onContextMenu={(event) => isPushToTalk && event.preventDefault()}
      >
        {status === 'asking' || status === 'connecting' ? (
          <i className="spinner" aria-hidden />
        ) : isMuted && !isPushToTalk && !isOff ? (
          <MicrophoneOffIcon />
        ) : (
          <MicrophoneIcon />
        )}
        {!isOff && <Meter client={client} isOn={isHeard} />}
      </button>
      {!isOff && (
        <button
          type="button"
          className="more"
          data-testid="microphone-options"
          aria-label="Microphone options"
          aria-expanded={isOpen}
          aria-controls="microphone-menu"
          onClick={() => setOpen(!isOpen)}
        >
          <ChevronUpIcon />
        </button>
      )}
      {!isOff && isOpen && <MicrophoneMenu microphone={microphone} state={state} onClose={close} />}
    </div>
  );
}

function Meter({ client, isOn }: { client: AvatarClient; isOn: boolean }) {
  const level = useLevel(client, isOn);
  return (
    <span
      className="meter"
      role="meter"
      data-testid="level"
      aria-label="How loud you are"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(level * 100)}
    >
      {BARS.map((from) => (
        <i key={from} data-lit={level > from} />
      ))}
    </span>
  );
}

function label({ status, isMuted, isPushToTalk }: MicrophoneState): string {
  if (status === 'off') return 'Talk';
  if (isPushToTalk) return 'Hold to talk';
  return isMuted ? 'Unmute your microphone' : 'Mute your microphone';
}

/** Holding the space bar talks, except where it writes a space or presses a button. */
function useSpaceBar({ microphone }: AvatarClient, isOn: boolean, button: { readonly current: HTMLElement | null }): void {
  useEffect(() => {
    if (!isOn) return;
    const isFree = (target: EventTarget | null): boolean =>
      target === button.current ||
      (target instanceof HTMLTextAreaElement ? target.value === '' : target === document.body || target === null);
    const down = (event: KeyboardEvent): void => {
      if (event.code !== 'Space' || !isFree(event.target)) return;
      event.preventDefault();
      microphone.hold(true);
    };
    const up = (event: KeyboardEvent): void => {
      if (event.code === 'Space') microphone.hold(false);
    };
    const gone = (): void => microphone.hold(false);
    window.addEventListener('keydown', down);
    window.addEventListener('keyup', up);
    window.addEventListener('blur', gone);
    return () => {
      window.removeEventListener('keydown', down);
      window.removeEventListener('keyup', up);
      window.removeEventListener('blur', gone);
    };
  }, [microphone, isOn, button]);
}
