import { Lifetime } from '#base/lifetime.ts';
import { Ear } from '#server/listening/ear.ts';
import { Broadcast } from '#server/media/broadcast.ts';
import { HlsRendition } from '#server/media/hls/rendition.ts';
import { Stage } from '#server/media/stage.ts';
import type { KeptSession } from '#server/sessions/history.ts';
import type { SessionParts } from '#server/sessions/ports.ts';
import type { Foundation } from './foundation.ts';
import { talkOf } from './talk.ts';

/** Speech waits so long, between two clauses, for viewers whose media worker died, ms. */
const LOST_PATIENCE = 2_000;

/** Everything one session is made of, on air when it is returned. Nothing is left behind when a part can't be had. */
export async function openSession(foundation: Foundation, { id, request }: KeptSession, ageMs: number): Promise<SessionParts> {
  const { sfu, avatars, maxViewers, prefer, clock, metrics } = foundation;
  const log = foundation.log.child({ sessionId: id });
  const life = new Lifetime();
  const avatar = avatars.take(request.avatar, ageMs > 0);
  life.defer(() => avatar.release());
  const { renderer, idleLoops } = foundation.engineOf(avatar);
  try {
    const createRouter = () => sfu.createRouter();
    const broadcast = await Broadcast.open({ createRouter, maxViewers, log, metrics, clock });
    life.defer((reason) => broadcast.close(reason));
    const idle = await idleLoops.get(avatar.key);
    const expressions = renderer === foundation.renderer ? foundation.expressions : undefined;
    void expressions?.prepare(avatar.key);
    const stage = Stage.create({
      idle,
      expressions: () => expressions?.of(avatar.key),
      producers: broadcast,
      stamped: renderer.stamped,
      prefer,
      clock,
      log,
      metrics,
    });
    life.defer((reason) => stage.close(reason));
    broadcast.on('lost', ({ viewers }) => viewers > 0 && stage.hold(LOST_PATIENCE));
    broadcast.on('watched', () => stage.goOn());
    broadcast.on('lossy', () => stage.allowCushion());
    const hls = HlsRendition.create({
      mode: request.hls ?? 'on-demand',
      subscribe: (sink) => stage.subscribe(sink),
      ageMs,
      epochMs: stage.status().epochMs,
      size: renderer.geometry,
      language: request.language ?? avatar.language ?? 'en',
      log,
      metrics,
      clock,
    });
    life.defer((reason) => hls.close(reason));
    const ear = openEar(foundation, { stage, broadcast, language: request.language ?? avatar.language ?? 'en' });
    life.defer((reason) => ear.close(reason));
    const talk = await talkOf({ ...foundation, renderer }, { avatar, request, sessionId: id, stage, loop: idle.frames, log });
    return { avatar, stage, viewers: broadcast, whep: broadcast, hls, ear, talk, close: (reason) => life.close(reason) };
  } catch (error) {
    await life.close('could not be opened');
    throw error;
  }
}

interface Around {
  readonly stage: Stage;
  readonly broadcast: Broadcast;
  readonly language: string;
}

/** The session's ear: hears the host's microphone beside what the stage itself says. */
function openEar({ vad, stt, patience, spending, clock, log, metrics }: Foundation, { stage, broadcast, language }: Around): Ear {
  const ear = Ear.open({ vad, stt, language, patience, spend: (usage) => spending.add(usage, {}), clock, log, metrics });
  broadcast.on('microphone', (microphone) => ear.listen(microphone));
  stage.hearOwn((samples, at) => ear.own(samples, at));
  stage.on('clause', ({ clause }) => ear.said(clause.text));
  stage.on('air', ({ state }) => {
    if (state === 'speaking' || state === 'idle') ear.avatar(state === 'speaking');
  });
  return ear;
}
