import { useCallback, useSyncExternalStore } from 'react';
import type { AvatarClient, Snapshot } from '#client/sdk/index.ts';

/** Everything there is to show of a client, as it changes. */
export function useAvatar(client: AvatarClient): Snapshot {
  const subscribe = useCallback((onChange: () => void) => client.on('change', onChange), [client]);
  return useSyncExternalStore(subscribe, () => client.snapshot);
}
