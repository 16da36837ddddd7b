import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';

const LOOK_EVERY = 100;
/** Shorter blocks are met by the voice's lead and by what players hold. */
const WORTH_A_LINE = 250;

/** Logs each time the event loop did nothing for so long that viewers may have noticed. Returns its end. */
export function watchEventLoop(clock: Clock, log: Log): () => void {
  let cancel: () => void = () => undefined;
  const look = (): void => {
    const due = clock.now() + LOOK_EVERY;
    cancel = clock.at(due, () => {
      const blockedMs = Math.round(clock.now() - due);
      if (blockedMs > WORTH_A_LINE)
        log.warn({ blockedMs }, 'the event loop was blocked; pictures were left out, the voice caught up');
      look();
    });
  };
  look();
  return () => cancel();
}
