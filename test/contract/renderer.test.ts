import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { avatars, findAvatar } from '#server/avatars/catalogue.ts';
import { patternRenderer } from '#server/render/pattern.ts';
import { portraitRenderer } from '#server/render/portrait.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { rendererContract } from './renderer.contract.ts';

const avatar = findAvatar().id;
rendererContract('pattern', avatar, () => Promise.resolve(patternRenderer({ clock: systemClock })));
rendererContract('portrait', avatar, () =>
  portraitRenderer({ avatars: avatars(), log: silentLog, clock: systemClock, metrics: createMetrics() }),
);
