import { connect, type AvatarClient, type ConnectOptions } from '#client/sdk/index.ts';

const GREETING = 'Hello! Nice to see you. What shall we talk about?';

/** What the page's address asks for: `?session=<id>&token=<token>` joins that session, without it one is created; `&transport=hls` forces HLS. */
export function visit(address: URL): ConnectOptions {
  const asked = address.searchParams;
  const transport = asked.get('transport');
  const session = asked.get('session');
  const token = asked.get('token');
  return {
    ...(transport === 'hls' || transport === 'webrtc' ? { transport } : {}),
    ...(token === null ? {} : { token }),
    ...(session === null ? { greeting: GREETING } : { session }),
  };
}

/** Connects as the address asks, and keeps the address such that a reload comes back to the same session. */
export function start(): AvatarClient {
  const client = connect(visit(new URL(location.href)));
  client.on('session', ({ id, token }) => {
    const address = new URL(location.href);
    if (address.searchParams.get('session') === id) return;
    address.searchParams.set('session', id);
    address.searchParams.set('token', token);
    history.replaceState(null, '', address);
  });
  return client;
}
