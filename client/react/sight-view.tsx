import { useEffect, useRef } from 'react';
import type { SightState } from '#client/sdk/index.ts';

/** What the avatar is let see, for who shows it; nothing while that is nothing. */
export function SightView({ sight: { stream, source } }: { sight: SightState }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = stream ?? null;
  }, [stream]);
  if (!stream) return null;
  return (
    <video
      ref={video}
      data-testid="sight"
      data-source={source}
      muted
      playsInline
      autoPlay
      disablePictureInPicture
      aria-label={source === 'screen' ? 'Your screen, as the avatar sees it' : 'Your camera, as the avatar sees it'}
    />
  );
}
