import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { VirtualClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import type { MicrophoneChunk } from '#base/media.ts';
import { CreateSession } from '#protocol/http.ts';
import { TurnEvent } from '#protocol/signalling.ts';
import { Ear } from '#server/listening/ear.ts';
import { Microphone } from '#server/media/microphone.ts';
import { Journal } from '#server/sessions/journal.ts';
import { MemoryHistory } from '#server/sessions/memory-history.ts';
import { Session } from '#server/sessions/session.ts';
import { silentParts } from '#server/sessions/silent.fixture.ts';
import { createMetrics } from '#server/telemetry/metrics.ts';
import { percentile, round } from '../bench.ts';
import { AiredStage } from './aired-stage.ts';
import { SCRIPT, type Step } from './script.ts';
import type { SoakRow } from './soak-row.ts';
import { hummingTalk, loudnessVad, oracleStt } from './stand-ins.ts';
import { Telephone } from './telephone.ts';

/** What is measured at the beginning and at the end is measured for so long, ms. */
const SPAN = 600_000;
/** As much may heaps breathe, MB. */
const BREATH = 3;
const MB = 2 ** 20;

/**
 * So many hours of a talking microphone on a virtual clock: the real microphone (RTP, Opus, its timeline), ear (echo guard, floor, phrases), turns, captions
 * and playout. What can't run faster than it happens is played by parts named by their vice: the voice detector, the recogniser, the model and the voice.
 */
export async function virtualHours(hours: number): Promise<SoakRow> {
  const clock = new VirtualClock(1_000);
  const metrics = createMetrics();
  const texts: string[] = [];
  const ear = Ear.open({
    vad: loudnessVad,
    stt: oracleStt(clock, texts),
    language: 'en',
    patience: { finished: 250, unfinished: 1_200 },
    spend: () => undefined,
    clock,
    log: silentLog,
    metrics,
  });
  const stage = new AiredStage({ clock, metrics, own: (samples, at) => ear.own(samples, at) });
  stage.on('clause', ({ clause }) => ear.said(clause.text));
  stage.on('air', ({ state }) => (state === 'speaking' || state === 'idle') && ear.avatar(state === 'speaking'));
  const journal = new Journal({ history: new MemoryHistory(), clock, log: silentLog, metrics });
  const kept = { id: 'soak', request: CreateSession.parse({}), createdAt: clock.wall() };
  await journal.begin(kept);
  const parts = { ...silentParts(clock), stage, ear, talk: hummingTalk(clock) };
  const session = Session.open({ kept, stored: true, parts, journal, idleTimeout: Infinity, clock, log: silentLog, metrics });
  const answers: { readonly at: number; readonly ms: number }[] = [];
  session.on('event', ({ name, payload }) => {
    if (name !== 'turn') return;
    const { outcome, stages } = TurnEvent.parse(payload);
    const ms = stages['firstPacket'];
    if (outcome !== 'failed' && ms !== undefined) answers.push({ at: clock.now(), ms });
  });
  const microphone = Microphone.open({ clock, log: silentLog, metrics });
  const drift = { most: 0 };
  ear.listen(watched(microphone, clock, drift));
  const telephone = new Telephone(clock, (packet) => microphone.hear(packet));

  const wrong: string[] = [];
  const from = clock.now();
  let asked = 0;
  let memory: number | undefined;
  await telephone.isSilent(2_000);
  const span = Math.min(SPAN, hours * 900_000);
  while (clock.now() - from < hours * 3_600_000) {
    for (const step of SCRIPT) {
      asked += step.turn === undefined ? 0 : 1;
      const complaint = await play(step, { telephone, texts, session, stage });
      if (complaint) wrong.push(`${String(Math.round(clock.now() / 1_000))} s, ${step.what}: ${complaint}`);
    }
    if (clock.now() - from > span) memory ??= heap();
  }
  const passed = clock.now() - from;
  const grown = heap() - (memory ?? 0);
  const middle = (some: typeof answers): number =>
    percentile(
      some.map(({ ms }) => ms),
      0.5,
    );
  const first = middle(answers.filter(({ at }) => at < from + span));
  const last = middle(answers.filter(({ at }) => at > from + passed - span));
  await microphone.close('soak over');
  await ear.close('soak over');
  await session.close('soak over');
  stage.close();
  return {
    row: {
      part: `virtual, ${String(round(passed / 3_600_000, 2))} h`,
      asked,
      answered: answers.length,
      'went wrong': wrong.length,
      'answer ms, first': round(first),
      'answer ms, last': round(last),
      'stage off by ms': round(stage.worst, 3),
      'microphone off by ms': round(drift.most, 1),
      'memory grown MB': round(grown / MB),
    },
    wrong,
    met:
      wrong.length === 0 &&
      asked === answers.length &&
      Math.abs(last - first) < 40 &&
      stage.worst < 1 &&
      drift.most < 100 &&
      grown < BREATH * MB,
  };
}

interface Scene {
  readonly telephone: Telephone;
  /** What the next phrases are understood as. */
  readonly texts: string[];
  readonly session: Session;
  readonly stage: AiredStage;
}

/** Does what the step says; what is wrong with what came of it, or undefined. */
async function play(
  { over, sounds, turn, before }: Step,
  { telephone, texts, session, stage }: Scene,
): Promise<string | undefined> {
  const last = session.transcript().at(-1)?.utteranceId;
  if (over && stage.status().state !== 'speaking') return 'nothing was on air';
  for (const { text, ms, silence } of sounds) {
    texts.push(text);
    await telephone.says(ms);
    await telephone.isSilent(silence);
  }
  if (texts.splice(0).length > 0) return 'it was not heard';
  const now = session.transcript();
  // Not by their number: only the newest are kept.
  const known = now.findIndex(({ utteranceId }) => utteranceId === last);
  const fresh = now.slice(known + 1);
  if (fresh.length !== (turn === undefined ? 0 : 1)) return `it made ${String(fresh.length)} turns`;
  if (turn !== undefined && fresh[0]?.prompt !== turn) return `it was taken for “${fresh[0]?.prompt ?? ''}”`;
  const state = now[known]?.state;
  return before !== undefined && state !== before ? `what was on air is ${String(state)}` : undefined;
}

/** Notes how far each piece of sound is from when it is said to have been there. */
async function* watched(microphone: Microphone, clock: VirtualClock, drift: { most: number }): AsyncGenerator<MicrophoneChunk> {
  for await (const chunk of microphone) {
    drift.most = Math.max(drift.most, Math.abs(clock.now() - chunk.at));
    yield chunk;
  }
}

/** Bytes alive after a full collection. */
function heap(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round += 1) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
