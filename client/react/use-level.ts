import { useEffect, useState } from 'react';
import type { AvatarClient } from '#client/sdk/index.ts';

/** How often a meter moves, ms. */
const EVERY = 50;

/** How loud the host's microphone is now, 0–1, while it is on. */
export function useLevel({ microphone }: AvatarClient, isOn: boolean): number {
  const [level, setLevel] = useState(0);
  useEffect(() => {
    if (!isOn) return;
    const timer = setInterval(() => setLevel(microphone.level), EVERY);
    return () => clearInterval(timer);
  }, [microphone, isOn]);
  return isOn ? level : 0;
}
