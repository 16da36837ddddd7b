import { z } from 'zod';
import type { Clock } from '#base/clock.ts';
import { tool, type Tool } from './tool.ts';

/** Models know neither the time nor the date. */
export const timeTool = (clock: Clock): Tool =>
  tool({
    name: 'current_time',
    description:
      'The date and the time of day now, in a time zone. Ask for it whenever an answer depends on what time or what day it is.',
    parameters: z.strictObject({
      zone: z
        .string()
        .max(64)
        .describe('IANA name of the time zone, such as "Europe/Berlin"; "UTC" when nothing is known')
        .default('UTC'),
    }),
    run({ zone }) {
      if (!isZone(zone)) throw new Error(`"${zone.slice(0, 40)}" is no IANA time zone; one is "America/New_York".`);
      const now = new Date(clock.wall());
      return new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long', timeZone: zone }).format(now);
    },
  });

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
