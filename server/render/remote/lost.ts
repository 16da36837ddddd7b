import { AvatarError } from '#base/errors.ts';

/**
 * Why a worker was given up. `cut`: the connection ended. `silent`: no answer to pings. `stuck`: it did not get on. `garbage`: no messages of this
 * version. `failed`: its engine did. `memory`: no room for the size. `wrong`: not the pictures that were asked for. `leaving`: it is being stopped.
 */
export type LossKind = 'cut' | 'silent' | 'stuck' | 'garbage' | 'failed' | 'memory' | 'wrong' | 'leaving' | 'replaced';

export const lost = (kind: LossKind, why: string, cause?: unknown): AvatarError =>
  new AvatarError('render_failed', `The GPU worker ${why}.`, { cause, details: { kind } });

/** Undefined for what is no loss of a worker. */
export function lossOf(thrown: unknown): LossKind | undefined {
  const kind = thrown instanceof AvatarError && thrown.code === 'render_failed' ? thrown.details?.['kind'] : undefined;
  return typeof kind === 'string' ? (kind as LossKind) : undefined;
}
