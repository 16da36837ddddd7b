import type { Size } from '#base/media.ts';
import type { EngineSize } from '#protocol/frame-link.ts';

/** Sides may differ so much from the stage's shape, as a ratio; what differs more would be drawn out of shape. */
const OUT_OF_SHAPE = 1.05;

/** The sizes of an engine that fit a stage, the best first: no larger than needed, then ever smaller. Empty when none has its shape. */
export function sizesFor(stage: Size, offered: readonly EngineSize[]): readonly EngineSize[] {
  const shape = stage.width / stage.height;
  const fitting = offered
    .filter(({ width, height }) => Math.max(width / height / shape, (shape * height) / width) <= OUT_OF_SHAPE)
    .toSorted((a, b) => a.width * a.height - b.width * b.height);
  const enough = fitting.findIndex(({ width }) => width >= stage.width);
  const usable = enough < 0 ? fitting : fitting.slice(0, enough + 1);
  return usable.toReversed();
}
