import type { Clock } from '#base/clock.ts';
import { TICKS_PER_FRAME, TICKS_PER_OPUS_FRAME, type AvFrame } from '#base/media.ts';
import { Outlook } from '#base/outlook.ts';
import { Playout } from '#server/media/playout.ts';
import { START_LEAD, Sync } from '#server/media/sync.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';

/** A clock that jumps from timer to timer, so that a day passes in seconds. */
export class LeapingClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ at: number; fire: () => void }>();

  constructor(startMs = 0) {
    this.#now = startMs;
  }

  now = (): number => this.#now;
  wall = (): number => 1_700_000_000_000 + this.#now;

  at(at: number, fire: () => void): () => void {
    const timer = { at, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Fires what falls due in the next `ms`, letting promises settle a little after each. */
  async leap(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      let next: { at: number; fire: () => void } | undefined;
      for (const timer of this.#timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
      if (!next) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
      await Promise.resolve();
    }
    this.#now = end;
  }
}

/** What a stage did in so many hours. Times are ms. */
export interface Day {
  readonly pictures: number;
  readonly sounds: number;
  /** Of them those that were somebody's voice. */
  readonly spoken: number;
  /** Furthest that any picture, and any sound, was from its instant by the formula. */
  readonly worstPicture: number;
  readonly worstSound: number;
  /** Sounds whose timestamp doesn't follow on the one before. */
  readonly gaps: number;
  /** Most that the voice moved against its pictures from one sound to the next while somebody spoke. */
  readonly worstStepInSpeech: number;
  readonly leads: { readonly least: number; readonly most: number };
  /** How far apart a viewer heard and saw, once the loop had a minute to follow its network. */
  readonly worstOffset: number;
}

/** A viewer's network, which changes each hour: sound comes so much later than its picture when the voice has no lead, ms. */
const networks = [90, 50, 130, 20, 240, 70, 180, 60] as const;

/** Hours of a stage with a viewer that reports each 5 s from a network that changes, and with somebody speaking every few minutes. */
export async function virtualHours(hours: number): Promise<Day> {
  const clock = new LeapingClock(864_000_000.125);
  const epoch = clock.now() + START_LEAD;
  const day = {
    pictures: 0,
    sounds: 0,
    spoken: 0,
    worstPicture: 0,
    worstSound: 0,
    gaps: 0,
    worstStepInSpeech: 0,
    worstOffset: 0,
  };
  const leads = { least: START_LEAD, most: START_LEAD };
  let last = -TICKS_PER_OPUS_FRAME;
  let lastLead = START_LEAD;
  const metrics = createMetrics();
  const playout: Playout = new Playout(
    { clock, metrics, leadMs: START_LEAD },
    {
      sound: (ticks, samples, belongsAt) => {
        const lead = START_LEAD + (belongsAt - ticks) / 48;
        day.sounds += 1;
        day.worstSound = Math.max(day.worstSound, Math.abs(clock.now() - (epoch + ticks / 48 - START_LEAD)));
        if (ticks - last !== TICKS_PER_OPUS_FRAME) day.gaps += 1;
        if (samples) day.worstStepInSpeech = Math.max(day.worstStepInSpeech, speaking ? Math.abs(lead - lastLead) : 0);
        if (samples) day.spoken += 1;
        speaking = samples !== undefined;
        [last, lastLead] = [ticks, lead];
        leads.least = Math.min(leads.least, lead);
        leads.most = Math.max(leads.most, lead);
      },
      picture: (frame) => {
        day.pictures += 1;
        day.worstPicture = Math.max(day.worstPicture, Math.abs(clock.now() - (epoch + frame * 40)));
      },
      turning: () => undefined,
      clause: () => undefined,
      clauseOver: () => undefined,
      air: () => undefined,
    },
  );
  let speaking = false;
  const sync = new Sync({ clock, metrics, leadMs: () => playout.leadMs, lead: (ms) => playout.lead(ms) });
  playout.start();
  for (let report = 0; report < hours * 720; report += 1) {
    if (report % 37 === 5) void playout.play(speech(25 * 9));
    await clock.leap(5_000);
    const offset = (networks[Math.floor(report / 720) % networks.length] ?? 0) - playout.leadMs;
    sync.report('viewer', offset + playout.leadMs - START_LEAD + ((report % 3) - 1) * 2);
    // The first report of a new network comes within 5 s, and what is being said then may last 9 s more.
    if (report % 720 > 3) day.worstOffset = Math.max(day.worstOffset, Math.abs(offset));
  }
  playout.close();
  sync.close();
  return { ...day, leads };
}

function speech(frames: number): { utteranceId: string; frames: AsyncIterable<AvFrame>; outlook: Outlook } {
  const outlook = new Outlook(0.1);
  outlook.hear(frames * TICKS_PER_FRAME, true);
  outlook.draw(frames);
  outlook.ended = true;
  const sound = new Int16Array(TICKS_PER_FRAME);
  const clause = { index: 0, text: 'A clause.' };
  async function* read(): AsyncGenerator<AvFrame> {
    for (let frame = 0; frame < frames; frame += 1)
      yield await Promise.resolve({
        frame,
        sound,
        clause,
        startOfClause: frame === 0,
        endOfClause: frame === frames - 1,
        picture: undefined,
      });
  }
  return { utteranceId: 'u', frames: read(), outlook };
}
