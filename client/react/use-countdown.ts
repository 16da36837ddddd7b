import { useEffect, useState } from 'react';
import type { Snapshot } from '#client/sdk/index.ts';

/** The state, with its ms until speech starts counted down each second from when it was said. */
export function useCountdown(said: Snapshot['state']): Snapshot['state'] {
  const [passed, setPassed] = useState<{ since: Snapshot['state']; ms: number }>();
  const isCounting = said?.etaMs !== undefined;
  useEffect(() => {
    if (!isCounting) return;
    const start = performance.now();
    const timer = setInterval(() => setPassed({ since: said, ms: performance.now() - start }), 1_000);
    return () => clearInterval(timer);
  }, [said, isCounting]);
  if (said?.etaMs === undefined || passed?.since !== said) return said;
  return { ...said, etaMs: Math.max(0, said.etaMs - passed.ms) };
}
