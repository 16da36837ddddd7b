import { Lifetime } from '#base/lifetime.ts';
import { findAvatar } from '#server/avatars/catalogue.ts';
import { HlsRendition } from '#server/media/hls/rendition.ts';
import { createStageProducers } from '#server/media/producers.ts';
import { Stage } from '#server/media/stage.ts';
import { Viewers } from '#server/media/viewers.ts';
import { Whep } from '#server/media/whep.ts';
import type { KeptSession } from '#server/sessions/history.ts';
import type { SessionParts } from '#server/sessions/ports.ts';
import type { Foundation } from './foundation.ts';
import { talkOf } from './talk.ts';

/** Everything one session is made of, on air when it is returned. Nothing is left behind when a part can't be had. */
export async function openSession(foundation: Foundation, { id, request }: KeptSession, ageMs: number): Promise<SessionParts> {
  const { sfu, renderer, idleLoops, maxViewers, clock, metrics } = foundation;
  const avatar = findAvatar(request.avatar);
  const log = foundation.log.child({ sessionId: id });
  const life = new Lifetime();
  try {
    const [idle, router] = await Promise.all([idleLoops.get(avatar.id), sfu.createRouter()]);
    life.defer(() => router.close());
    const producers = await createStageProducers(router, { log });
    life.defer((reason) => producers.close(reason));
    const stage = Stage.create({ idle, producers, stamped: renderer.stamped, clock, log, metrics });
    life.defer((reason) => stage.close(reason));
    const viewers = new Viewers({ router, producers, maxViewers, log, metrics, clock });
    life.defer((reason) => viewers.close(reason));
    const whep = new Whep({ router, producers, viewers, log });
    life.defer((reason) => whep.close(reason));
    const hls = HlsRendition.create({
      mode: request.hls ?? 'on-demand',
      subscribe: (sink) => stage.subscribe(sink),
      ageMs,
      epochMs: stage.status().epochMs,
      size: renderer.geometry,
      log,
      metrics,
      clock,
    });
    life.defer((reason) => hls.close(reason));
    const talk = talkOf(foundation, avatar, stage, log);
    return { avatar, stage, viewers, whep, hls, talk, close: (reason) => life.close(reason) };
  } catch (error) {
    await life.close('could not be opened');
    throw error;
  }
}
