import { useCallback, useState } from 'react';
import { SightView } from '#client/react/sight-view.tsx';
import type { AvatarClient, SightSource, SightState } from '#client/sdk/index.ts';
import { useDismiss } from './dismiss.ts';
import { CameraIcon, EyeIcon, ScreenIcon } from './icons.tsx';

interface ShowProps {
  readonly client: AvatarClient;
  readonly state: SightState;
  readonly isReady: boolean;
}

const WHAT: Readonly<Record<SightSource, string>> = { camera: 'my camera', screen: 'my screen' };

/** Lets the avatar see the camera or the screen: a press begins, where there is a choice after asking which, and another one ends. Not there where the model can't see. */
export function Show({ client: { sight }, state: { sources, status, source }, isReady }: ShowProps) {
  const [isOpen, setOpen] = useState(false);
  const close = useCallback(() => setOpen(false), []);
  const [only, another] = sources;
  if (!only) return null;
  const isOff = status === 'off';
  const begin = (wanted: SightSource): void => {
    close();
    void sight.start(wanted);
  };
  const press = (): void => {
    if (!isOff) sight.stop();
    else if (another) setOpen(!isOpen);
    else begin(only);
  };
  const label = isOff
    ? `Show the avatar what ${another ? 'you see' : `${WHAT[only]} sees`}`
    : `Stop showing ${WHAT[source ?? only]}`;
  return (
    <div className="show" data-status={status}>
      <button
        type="button"
        className="talk"
        data-testid="show"
        disabled={!isReady}
        aria-label={label}
        title={label}
        {...(isOff && another ? { 'aria-expanded': isOpen, 'aria-controls': 'show-menu' } : { 'aria-pressed': !isOff })}
        onClick={press}
      >
        {status === 'asking' ? <i className="spinner" aria-hidden /> : <EyeIcon />}
      </button>
      {isOff && isOpen && <Sources sources={sources} onChoose={begin} onClose={close} />}
    </div>
  );
}

interface SourcesProps {
  readonly sources: readonly SightSource[];
  readonly onChoose: (source: SightSource) => void;
  readonly onClose: () => void;
}

function Sources({ sources, onChoose, onClose }: SourcesProps) {
  const menu = useDismiss(onClose);
  return (
    <div ref={menu} id="show-menu" className="menu" role="group" aria-label="What to show">
      {sources.map((source) => (
        <button key={source} type="button" data-testid={`show-${source}`} onClick={() => onChoose(source)}>
          {source === 'camera' ? <CameraIcon /> : <ScreenIcon />}
          <span>
            Show {WHAT[source]}
            <small>One picture with each thing you say</small>
          </span>
        </button>
      ))}
    </div>
  );
}

/** In the stage's corner while something is shown: what, and that each turn takes a picture of it. It can be ended there, too. */
export function Shown({ client: { sight }, state }: { client: AvatarClient; state: SightState }) {
  if (state.status !== 'on' || !state.source) return null;
  return (
    <div className="shown">
      <SightView sight={state} />
      {/* Anew with each picture that is taken, so that it flashes. */}
      {state.sent > 0 && <i key={state.sent} aria-hidden />}
      <button type="button" data-testid="hide" aria-label={`Stop showing ${WHAT[state.source]}`} onClick={() => sight.stop()}>
        <b aria-hidden />
        Stop
      </button>
      <p className="aside" role="status">
        {`The avatar sees ${WHAT[state.source].replace('my', 'your')}, one picture with each thing you say.`}
      </p>
    </div>
  );
}
