import type { Microphone, MicrophoneState } from '#client/sdk/index.ts';
import { useDismiss } from './dismiss.ts';

interface MicrophoneMenuProps {
  readonly microphone: Microphone;
  readonly state: MicrophoneState;
  readonly onClose: () => void;
}

/** Which microphone, whether it is held to talk, and off. */
export function MicrophoneMenu({ microphone, state: { devices, deviceId, isPushToTalk }, onClose }: MicrophoneMenuProps) {
  const menu = useDismiss(onClose);
  return (
    <div ref={menu} id="microphone-menu" className="menu" role="group" aria-label="Microphone options">
      <fieldset>
        <legend>Microphone</legend>
        {devices.map(({ id, label }, index) => (
          <label key={id}>
            <input type="radio" name="device" checked={id === deviceId} onChange={() => void microphone.choose(id)} />
            <span>{label || `Microphone ${index + 1}`}</span>
          </label>
        ))}
      </fieldset>
      <label>
        <input
          type="checkbox"
          data-testid="push-to-talk"
          checked={isPushToTalk}
          onChange={({ target }) => microphone.pushToTalk(target.checked)}
        />
        <span>
          Push to talk
          <small>Hold the button or the space bar</small>
        </span>
      </label>
      <button
        type="button"
        data-testid="microphone-off"
        onClick={() => {
          microphone.stop();
          onClose();
        }}
      >
        Turn off
      </button>
    </div>
  );
}
