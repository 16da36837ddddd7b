import { readdirSync } from 'node:fs';
import { MS_PER_FRAME } from '#base/media.ts';
import type { Turn } from '#protocol/http.ts';
import { launchBrowser, SMALL } from '#test/support/browser.ts';
import { cough, giveVoice, MICROPHONE_FLAGS, spoken } from '#test/support/host-voice.ts';
import { lookInside, resident, TRANSPARENT, type Inside } from '#test/support/inside.ts';
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
/** What may differ from the first look, once all that is made at first use was made: memory breathes. */
const BREATH = { heap: 4 * MB, resident: 1.15 };
/** Turns before the first look. */
const WARM = 5;

interface Look {
  readonly inside: Inside;
  readonly server: number;
  readonly workers: number;
  readonly descriptors: number;
  readonly children: number;
}

/** So many minutes of a host in Chromium who speaks with a server that nothing is configured of. */
export async function realMinutes(minutes: number): Promise<SoakRow> {
  const server = await startServer({ ...TRANSPARENT, PROMPT_RATE_LIMIT: '100000' });
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
    let before: Look | undefined;
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
      if (time === WARM) before = await look(server);
    }
    const after = await look(server);
    const grown = before ? growth(before, after) : ['too short to know'];
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
        'memory grown MB': before ? round((after.inside.memory.heapUsed - before.inside.memory.heapUsed) / MB) : '',
        'resident MB, first → last': before ? `${String(round(before.server / MB))} → ${String(round(after.server / MB))}` : '',
        'descriptors, first → last': before ? `${String(before.descriptors)} → ${String(after.descriptors)}` : '',
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

async function look(server: RunningServer): Promise<Look> {
  const inside = await lookInside(server);
  return {
    inside,
    server: resident(server.pid),
    workers: children(server.pid, 'mediasoup-work')
      .map(resident)
      .reduce((sum, bytes) => sum + bytes, 0),
    descriptors: readdirSync(`/proc/${String(server.pid)}/fd`).length,
    children: children(server.pid).length,
  };
}

/** What there is more of than there was, a line each. Recognisers and sockets come and go by one or two. */
function growth(before: Look, after: Look): string[] {
  const counts = { descriptors: 8, children: 2 } as const;
  const more = Object.entries(counts).filter(([name, some]) => after[name as 'children'] > before[name as 'children'] + some);
  const objects = Object.entries(after.inside.objects).filter(([name, count]) => count > (before.inside.objects[name] ?? 0) + 20);
  const heap = after.inside.memory.heapUsed - before.inside.memory.heapUsed > BREATH.heap;
  const sizes = (['server', 'workers'] as const).filter((name) => after[name] > BREATH.resident * before[name]);
  return [
    ...more.map(([name]) => `more ${name}: ${String(after[name as 'children'])}, not ${String(before[name as 'children'])}`),
    ...objects.map(([name, count]) => `more ${name}: ${String(count)}, not ${String(before.inside.objects[name])}`),
    ...(heap ? ['the heap grew'] : []),
    ...sizes.map((name) => `the resident memory of the ${name} grew`),
  ];
}
