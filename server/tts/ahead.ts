import type { Lifetime } from '#base/lifetime.ts';
import { Queue } from '#base/queue.ts';

/** Pieces that a source may be ahead of its reader: most clauses whole. */
const PIECES_AHEAD = 64;

/** Reads `source` at once, ahead of whoever reads what is returned, and no longer than `life`. Its error comes after what it gave. */
export function ahead<T>(source: AsyncIterable<T>, life: Lifetime): AsyncIterable<T> {
  const queue = new Queue<T>(PIECES_AHEAD);
  const read = async (): Promise<void> => {
    for await (const item of source) if (!(await queue.push(item))) return;
  };
  const running = read().then(
    () => queue.end(),
    (error: unknown) => queue.fail(error),
  );
  life.defer(() => {
    queue.clear();
    return running;
  });
  return queue;
}
