import { EventEmitter } from 'node:events';
import { AvatarError } from '#base/errors.ts';
import { Lifetime } from '#base/lifetime.ts';
import type { Microphone } from './microphone.ts';
import { MicrophoneLine, type MicrophoneLineOptions } from './microphone-line.ts';

/** Why a line is closed whose host opened another one. */
export const TAKEN_OVER = 'taken over';

export type MicrophonesEvents = {
  /** One is on. */
  microphone: [Microphone];
};

/** Who has the word: a session hears one microphone. The same host's newest takes over, another host's has to wait until that one is off. */
export class Microphones extends EventEmitter<MicrophonesEvents> {
  readonly #options: MicrophoneLineOptions;
  readonly #life = new Lifetime();
  #holder: { readonly host: string; line?: MicrophoneLine } | undefined;

  constructor(options: MicrophoneLineOptions) {
    super();
    this.#options = options;
    this.#life.defer((reason) => this.#holder?.line?.close(reason));
  }

  /**
   * A way in for the microphone of `host`, with its transport ready for the client.
   * @throws AvatarError `conflict` (another host's is on, or was taken over meanwhile), `too_many_viewers`, `session_closed`.
   */
  async open(host: string): Promise<MicrophoneLine> {
    const before = this.#holder;
    if (before && before.host !== host) {
      throw new AvatarError(
        'conflict',
        "Another host's microphone is on; one is heard at a time, so that one has to be turned off first.",
      );
    }
    const holder: NonNullable<typeof before> = { host };
    this.#holder = holder;
    await before?.line?.close(TAKEN_OVER);
    const line = await MicrophoneLine.open(this.#options).catch((error: unknown) => {
      this.#leave(holder);
      throw error;
    });
    line.once('close', () => this.#leave(holder));
    line.on('microphone', (microphone) => this.emit('microphone', microphone));
    if (this.#life.state === 'open' && this.#holder === holder) return (holder.line = line);
    await line.close('not needed any more');
    if (this.#life.state !== 'open') throw new AvatarError('session_closed', 'The session is over.');
    throw new AvatarError('conflict', 'This microphone was taken over by the same host, elsewhere.');
  }

  /** Idempotent. */
  close(reason: string): Promise<void> {
    return this.#life.close(reason);
  }

  #leave(holder: object): void {
    if (this.#holder === holder) this.#holder = undefined;
  }
}
