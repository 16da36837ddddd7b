import type { types } from 'mediasoup';
import type { Log } from '#base/log.ts';
import type { AnswerOf, RequestName, RequestOf } from '#protocol/signalling.ts';
import type { Session } from '#server/sessions/session.ts';
import type { Peer } from './peer.ts';

type Answer<Name extends RequestName> = (peer: Peer, request: RequestOf<Name>) => AnswerOf<Name> | Promise<AnswerOf<Name>>;

/** What each event does. Requests are parsed before they come here; mediasoup checks the inside of its own structures. */
export const ANSWERS: { readonly [Name in RequestName]: Answer<Name> } = {
  join,
  connect_transport: connectTransport,
  consume,
  resume,
  restart_ice: restartIce,
  open_microphone: openMicrophone,
  produce,
  show,
  prompt,
  control,
  client_log: clientLog,
  client_stats: clientStats,
};

/** Events only a host may send. */
export const HOST_ONLY: readonly RequestName[] = ['open_microphone', 'produce', 'show', 'prompt', 'control'];

async function join(peer: Peer, { receive }: RequestOf<'join'>): Promise<AnswerOf<'join'>> {
  const { session, role } = peer;
  await peer.limits.use('join', peer.id);
  const { avatar, stage, viewers } = session.parts;
  const viewer = receive ? await peer.join() : await peer.joinWithoutMedia();
  const { fps, size, epochMs } = stage.status();
  return {
    sessionId: session.id,
    role,
    rtpCapabilities: { ...viewers.rtpCapabilities },
    ...(viewer ? { transport: viewer.transportOptions } : {}),
    stage: { fps, ...size, epochMs },
    state: session.state,
    avatar: { id: avatar.id, name: avatar.name },
    sees: session.sight.sees,
  };
}

async function connectTransport(peer: Peer, { transportId, dtlsParameters }: RequestOf<'connect_transport'>) {
  await peer.transport(transportId).connect(transportId, dtlsParameters as types.DtlsParameters);
  return {};
}

async function consume(peer: Peer, { transportId, rtpCapabilities }: RequestOf<'consume'>): Promise<AnswerOf<'consume'>> {
  const consumers = await peer.viewer.consume(transportId, rtpCapabilities as types.RtpCapabilities);
  return { consumers: consumers.map(({ rtpParameters, ...consumer }) => ({ ...consumer, rtpParameters: { ...rtpParameters } })) };
}

async function resume(peer: Peer, { consumerIds }: RequestOf<'resume'>) {
  await peer.viewer.resume(consumerIds);
  peer.session.audience();
  return {};
}

async function restartIce(peer: Peer, { transportId }: RequestOf<'restart_ice'>): Promise<AnswerOf<'restart_ice'>> {
  await peer.limits.use('ice_restart', peer.id);
  return { iceParameters: { ...(await peer.transport(transportId).restartIce(transportId)) } };
}

async function openMicrophone(peer: Peer): Promise<AnswerOf<'open_microphone'>> {
  await peer.limits.use('microphone', peer.id);
  return { transport: (await peer.openMicrophone()).transportOptions };
}

function produce(peer: Peer, { transportId, rtpParameters }: RequestOf<'produce'>): Promise<AnswerOf<'produce'>> {
  return peer.microphone.produce(transportId, rtpParameters as types.RtpParameters);
}

function show(peer: Peer, { on }: RequestOf<'show'>) {
  peer.show(on);
  return {};
}

async function prompt(peer: Peer, request: RequestOf<'prompt'>) {
  await peer.limits.use('prompt', peer.session.id);
  return peer.session.prompt(request);
}

async function control(peer: Peer, { action }: RequestOf<'control'>) {
  const { session, log } = peer;
  if (action === 'mute') await peer.closeMicrophone('muted');
  else if (action === 'interrupt') session.interrupt();
  else setImmediate(end, session, log);
  return {};
}

/** After the answer, since the session ends this very connection. */
function end(session: Session, log: Log): void {
  session.close('ended').catch((error: unknown) => log.error({ err: error }, 'session did not close cleanly'));
}

async function clientLog(peer: Peer, { level, message, data }: RequestOf<'client_log'>) {
  await peer.limits.use('client_log', peer.id);
  peer.log[level]({ client: true, ...(data === undefined ? {} : { data }) }, message);
  return {};
}

function clientStats({ id, isWatching, log, session }: Peer, { stats, sync, painted }: RequestOf<'client_stats'>) {
  log.debug({ client: true, stats, sync, painted }, 'client stats');
  if (sync && isWatching) session.parts.stage.sync.report(id, sync.offsetMs);
  if (painted && isWatching) session.painted(id, painted);
  return {};
}
