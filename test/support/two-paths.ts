import type { Page } from 'playwright-core';
import type { CreatedSession } from '#protocol/http.ts';
import { startServer, type RunningServer } from './server.ts';
import { TcpProxy } from './tcp-proxy.ts';
import { RELAY_ADDRESS, UdpRelay } from './udp-relay.ts';

/** A server with a network of ours before it: media goes through the relay, page and socket through the proxy. */
export interface FarServer {
  readonly server: RunningServer;
  readonly media: UdpRelay;
  readonly web: TcpProxy;
  /** The session's page, by way of this network. */
  pageOf(session: CreatedSession): string;
  /** Nothing passes, and nobody is told. */
  block(isBlocked: boolean): void;
  close(): Promise<void>;
}

export async function startFarServer(): Promise<FarServer> {
  const server = await startServer({ ANNOUNCED_ADDRESS: RELAY_ADDRESS });
  const media = await UdpRelay.open({ port: server.rtcPort });
  const web = await TcpProxy.open(server.url);
  return {
    server,
    media,
    web,
    pageOf: ({ urls }) => urls.page.replace(server.url, web.url),
    block(isBlocked) {
      media.shape({ blocked: isBlocked });
      web.silence(isBlocked);
    },
    async close() {
      await web.close();
      await media.close();
      await server.stop();
    },
  };
}

/** Each event the page gets over its WebSockets from now on, in order, over all of its connections. */
export function hearEvents(page: Page): { name: string; value: Record<string, unknown> }[] {
  const heard: { name: string; value: Record<string, unknown> }[] = [];
  page.on('websocket', (socket) => {
    socket.on('framereceived', ({ payload }) => {
      // Engine.IO's message, Socket.IO's event.
      if (typeof payload !== 'string' || !payload.startsWith('42[')) return;
      const [name, value] = JSON.parse(payload.slice(2)) as [string, Record<string, unknown>];
      heard.push({ name, value });
    });
  });
  return heard;
}
