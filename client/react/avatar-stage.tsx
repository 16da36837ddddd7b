import { useEffect, useRef, type ReactNode } from 'react';
import type { AvatarClient } from '#client/sdk/index.ts';
import { useAvatar } from './use-avatar.ts';

export interface AvatarStageProps {
  readonly client: AvatarClient;
  readonly className?: string;
  /** What lies over the picture. */
  readonly children?: ReactNode;
}

/** The stage: one video element, in the picture's own proportions, and what lies over it. */
export function AvatarStage({ client, className, children }: AvatarStageProps) {
  const video = useRef<HTMLVideoElement>(null);
  const { session } = useAvatar(client);
  const { width, height } = session?.size ?? { width: 1, height: 1 };
  useEffect(() => {
    if (video.current) client.attach(video.current);
  }, [client]);
  return (
    <div className={className} style={{ aspectRatio: `${width} / ${height}` }}>
      <video
        ref={video}
        data-testid="stage"
        playsInline
        autoPlay
        disablePictureInPicture
        aria-label={session?.avatar?.name ?? 'Avatar'}
      />
      {children}
    </div>
  );
}
