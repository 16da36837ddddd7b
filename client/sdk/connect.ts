import { z } from 'zod';
import { AvatarClient } from './client.ts';
import type { ConnectOptions } from './types.ts';

// zod would otherwise try `new Function`, which a strict CSP reports.
z.config({ jitless: true });

/**
 * Joins a session, or creates one and joins it. Returns at once; what happens is told by events and `snapshot`.
 *
 *     const avatar = connect({ greeting: 'Hello!' });
 *     avatar.attach(document.querySelector('video'));
 *     avatar.on('caption', (caption) => …);
 *     await avatar.prompt('What is the weather like?');
 */
export function connect(options: ConnectOptions = {}): AvatarClient {
  return AvatarClient.open(options);
}
