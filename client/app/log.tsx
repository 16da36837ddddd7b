import { useEffect, useRef } from 'react';
import type { AvatarClient, LoggedTurn } from '#client/sdk/index.ts';
import { CloseIcon } from './icons.tsx';
import { Keep } from './keep.tsx';
import { milliseconds, picture, timeOfDay } from './words.ts';

/** The stages of a turn in their order, in the words of someone who waits for them. */
const STAGES: readonly (readonly [string, string])[] = [
  ['endOfTurn', 'Turn over'],
  ['stt', 'Words known'],
  ['firstToken', 'First word'],
  ['firstClause', 'First clause'],
  ['firstAudio', 'First sound'],
  ['firstFrame', 'First picture'],
  ['playout', 'On air'],
  ['end', 'Done'],
];
const OUTCOMES: Readonly<Record<string, string>> = { interrupted: 'Interrupted', failed: 'Failed' };

interface LogProps {
  readonly client: AvatarClient;
  /** Its name, once known. */
  readonly avatar: string | undefined;
  readonly turns: readonly LoggedTurn[];
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

export function Log({ client, avatar = 'Avatar', turns, isOpen, onClose }: LogProps) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    // Not returned: newer browsers answer a scroll with a promise, which React would call as a clean-up.
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [turns, isOpen]);
  return (
    <aside id="log" className="log" data-testid="log" inert={!isOpen} aria-label="Log">
      <header>
        <h2>Log</h2>
        {turns.length > 0 && <Keep client={client} />}
        <button type="button" className="quiet" onClick={onClose} aria-label="Close the log">
          <CloseIcon />
        </button>
      </header>
      <ol ref={list} tabIndex={0}>
        {turns.length === 0 && <li className="empty">What is said shows up here, with how long each step took.</li>}
        {turns.map((turn) => (
          <Turn key={turn.utteranceId} turn={turn} avatar={avatar} />
        ))}
      </ol>
    </aside>
  );
}

function Turn({ turn, avatar }: { turn: LoggedTurn; avatar: string }) {
  const { prompt, mode, image, spoken, outcome, stages, askedAt, startedAt } = turn;
  const steps = STAGES.flatMap(([name, label]) => (stages?.[name] === undefined ? [] : [{ name, label, ms: stages[name] }]));
  // The way to the first sound and picture is what one waits for; the talk that follows would dwarf it.
  const longest = Math.max(1, ...steps.filter(({ name }) => name !== 'end').map(({ ms }) => ms));
  return (
    <li data-outcome={outcome}>
      {prompt !== undefined && (
        <p className="asked">
          <Who name="You" at={askedAt} />
          {mode === 'say' && <b>Say</b>} {prompt} {image && <b>{picture(image)}</b>}
        </p>
      )}
      {spoken && (
        <p className="spoken">
          <Who name={avatar} at={startedAt} />
          {spoken}
        </p>
      )}
      {!outcome && !spoken && <p className="pending">…</p>}
      {outcome && OUTCOMES[outcome] && <p className="outcome">{OUTCOMES[outcome]}</p>}
      {steps.length > 0 && (
        <dl>
          {steps.map(({ name, label, ms }) => (
            <div key={name}>
              <dt>{label}</dt>
              <dd>
                {name !== 'end' && <i style={{ inlineSize: `calc((100% - 64px) * ${ms / longest})` }} aria-hidden />}
                <span>{milliseconds(ms)}</span>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </li>
  );
}

const Who = ({ name, at }: { name: string; at: number | undefined }) => (
  <span className="who">
    {name} {at !== undefined && <time dateTime={new Date(at).toISOString()}>{timeOfDay(at)}</time>}
  </span>
);
