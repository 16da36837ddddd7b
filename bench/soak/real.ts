import { MS_PER_FRAME } from '#base/media.ts';
import type { Turn } from '#protocol/http.ts';
import { launchBrowser, SMALL } from '#test/support/browser.ts';
import { cough, giveVoice, MICROPHONE_FLAGS, spoken } from '#test/support/host-voice.ts';
import { resident } from '#test/support/inside.ts';
import { children } from '#test/support/processes.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { percentile, round } from '../bench.ts';
import { Host } from '../conversation/host.ts';
import type { SoakRow } from './soak-row.ts';

/** All of which pocketsphinx understands, as flite says them. */
const QUESTIONS = ['what time is it', 'what can you do', 'good morning', 'and what is the time of the day', 'goodbye'];
/** Each so many questions a story is asked for, coughed at and interrupted by the next question. */
const STORY_EVERY = 4;
/** A story is listened to for so long, ms. */
const LISTENS = 6_000;
const MB = 2 ** 20;
/** What each may grow by from the lowest of the first quarter to the lowest of the last: memory breathes, and recognisers come and go. */
const BREATH = { heap: 8 * MB, server: 40 * MB, workers: 10 * MB, descriptors: 6 } as const;
/** Turns before the first look: what is made at first use is made then. */
const WARM = 4;

/** Bytes, and a count. */
type Look = Readonly<Record<keyof typeof BREATH, number>>;

/** So many minutes of a host in Chromium who speaks with a server that nothing is configured of. */
export async function realMinutes(minutes: number): Promise<SoakRow> {
  const server = await startServer({ PROMPT_RATE_LIMIT: '100000' });
  const browser = await launchBrowser({ viewport: SMALL, flags: MICROPHONE_FLAGS });
  try {
    await giveVoice(browser);
    const host = await Host.open(server, browser);
    const [story, noise, ...questions] = await Promise.all([
      spoken('tell me a story'),
      cough(),
      ...QUESTIONS.map((text) => spoken(text)),
    ]);
    const wrong: string[] = [];
    const late: number[] = [];
    const off: number[] = [];
    let [asked, answered] = [0, 0];
    const looks: Look[] = [];
    const ask = async (sound: Buffer, ...states: readonly Turn['state'][]): Promise<void> => {
      asked += 1;
      const index = (await host.turns()).length;
      await host.says(sound);
      const saidAt = Date.now();
      const turn = await host.turn(index, 'done', 'failed', 'interrupted', ...states);
      if (turn && turn.state !== 'failed' && turn.state !== 'interrupted') answered += 1;
      else wrong.push(`turn ${String(index + 1)} (${turn?.prompt ?? 'not heard'}) is ${turn?.state ?? 'missing'}`);
      late.push((turn?.startedAt ?? Number.NaN) - saidAt);
      const { epochMs, frame } = await host.stage();
      off.push(Date.now() - epochMs - frame * MS_PER_FRAME);
      const turns = (await host.turns()).length;
      if (turns > index + 1) wrong.push(`question ${String(asked)} made ${String(turns - index)} turns`);
    };
    const started = Date.now();
    for (let time = 0; Date.now() - started < minutes * 60_000; time += 1) {
      if (time % STORY_EVERY === STORY_EVERY - 1) {
        await ask(story, 'speaking');
        await host.says(LISTENS / 2, noise, LISTENS / 2);
        const last = (await host.turns()).at(-1);
        if (last?.state !== 'speaking') wrong.push(`the story of turn ${String(asked)} did not go on after a cough`);
      }
      await ask(questions[time % questions.length] as Buffer);
      if (time >= WARM) looks.push(await look(server));
    }
    const [before, after] = lowest(looks);
    const grown = (['heap', 'server', 'workers', 'descriptors'] as const).flatMap((what) =>
      after[what] - before[what] <= BREATH[what] ? [] : [`${what}: ${String(before[what])} became ${String(after[what])}`],
    );
    host.close();
    const [first, last] = ends(late.filter(Number.isFinite));
    const [early, now] = ends(off);
    return {
      row: {
        part: `real, ${String(minutes)} min`,
        asked,
        answered,
        'went wrong': wrong.length,
        'answer ms, first': round(first),
        'answer ms, last': round(last),
        'stage off by ms': round(now - early),
        'microphone off by ms': '',
        'memory grown MB': round((after.heap - before.heap) / MB),
        'resident MB, first → last': `${String(round(before.server / MB))} → ${String(round(after.server / MB))}`,
        'descriptors, first → last': `${String(before.descriptors)} → ${String(after.descriptors)}`,
      },
      wrong: [...wrong, ...grown],
      met: wrong.length === 0 && grown.length === 0 && asked === answered && Math.abs(now - early) < MS_PER_FRAME,
    };
  } finally {
    await browser.close().catch(() => undefined);
    await server.stop();
  }
}

/** The middle of the first quarter, and of the last. */
function ends(values: readonly number[]): [first: number, last: number] {
  const quarter = Math.ceil(values.length / 4);
  return [percentile(values.slice(0, quarter), 0.5), percentile(values.slice(-quarter), 0.5)];
}

async function look({ url, pid }: RunningServer): Promise<Look> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
  const workers = children(pid, 'mediasoup-work').map(resident);
  return {
    heap: value('nodejs_heap_size_used_bytes') + value('nodejs_external_memory_bytes'),
    server: resident(pid),
    workers: workers.reduce((sum, bytes) => sum + bytes, 0),
    descriptors: value('process_open_fds'),
  };
}

/** Of each, the lowest in the first quarter and in the last; without looks nothing is known, and nothing is met. */
function lowest(looks: readonly Look[]): [before: Look, after: Look] {
  const quarter = Math.ceil(looks.length / 4);
  const low = (some: readonly Look[]): Look => {
    const of = (what: keyof Look): number => (some.length > 0 ? Math.min(...some.map((one) => one[what])) : Number.NaN);
    return { heap: of('heap'), server: of('server'), workers: of('workers'), descriptors: of('descriptors') };
  };
  return [low(looks.slice(0, quarter)), low(looks.slice(-quarter))];
}
