import type { AvatarClient, Snapshot } from '#client/sdk/index.ts';
import { SoundOffIcon, SoundOnIcon } from './icons.tsx';

/** Mute and volume, in the stage's corner; and, while the browser blocks sound, the whole stage as one button. */
export function Sound({ client, sound: { blocked, muted, volume } }: { client: AvatarClient; sound: Snapshot['sound'] }) {
  if (blocked) {
    return (
      <button type="button" className="unmute" data-testid="unmute" onClick={() => client.unmute()}>
        <span>
          <SoundOffIcon />
          Tap to hear
        </span>
      </button>
    );
  }
  const isSilent = muted || volume === 0;
  return (
    <div className="sound">
      <input
        type="range"
        min="0"
        max="100"
        aria-label="Volume"
        value={muted ? 0 : Math.round(volume * 100)}
        onChange={({ target }) => {
          client.setVolume(Number(target.value) / 100);
          if (muted) client.unmute();
        }}
      />
      <button
        type="button"
        data-testid="mute"
        aria-label={isSilent ? 'Turn sound on' : 'Turn sound off'}
        onClick={() => {
          if (!isSilent) return client.mute();
          if (volume === 0) client.setVolume(1);
          client.unmute();
        }}
      >
        {isSilent ? <SoundOffIcon /> : <SoundOnIcon />}
      </button>
    </div>
  );
}
