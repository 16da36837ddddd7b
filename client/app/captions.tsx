import type { ShownCaption } from '#client/sdk/index.ts';

interface CaptionsProps {
  readonly avatar: ShownCaption | undefined;
  readonly host: ShownCaption | undefined;
}

/**
 * What is heard, word by word. The words to come take up their room already, so that nothing moves; they are in the page's looks only, not in its text.
 * Who listens to a screen reader is told a clause as a whole, when it begins, and the host's words once they are understood.
 */
export function Captions({ avatar, host }: CaptionsProps) {
  const isHost = host !== undefined && (avatar === undefined || host.start > avatar.start);
  const shown = isHost ? host : avatar;
  return (
    <>
      <p className="caption" data-testid="caption" data-who={isHost ? 'host' : 'avatar'} aria-hidden>
        {shown && (
          <span
            key={keyOf(shown)}
            data-final={shown.final !== false}
            data-ahead={isHost ? '' : shown.text.slice(shown.heard.length)}
          >
            {shown.heard}
          </span>
        )}
      </p>
      <div className="aside" role="log" aria-label="Captions" data-testid="spoken">
        {avatar && <p key={keyOf(avatar)}>{avatar.text}</p>}
        {host?.final && <p key={keyOf(host)}>You: {host.text}</p>}
      </div>
    </>
  );
}

const keyOf = ({ utteranceId, clause }: ShownCaption): string => `${utteranceId}/${clause}`;
