import type { Owned } from './owned.ts';

/** https://wicg.github.io/netinfo/, which only Chromium has, and only phones tell the type. */
interface NetworkInformation extends EventTarget {
  readonly type?: string;
}

/** Calls `changed` when this machine is back on a network, or on another one. */
export function onNetworkChange(owned: Owned, changed: () => void): void {
  owned.listen(window, 'online', changed);
  const network = (navigator as { readonly connection?: NetworkInformation }).connection;
  if (!network) return;
  let { type } = network;
  // It also tells of each new guess at the network's speed.
  owned.listen(network, 'change', () => {
    const before = type;
    ({ type } = network);
    if (type !== before && type !== 'none') changed();
  });
}
