import { types } from 'node:util';
import type { Clock } from '#base/clock.ts';
import { asAvatarError, AvatarError } from '#base/errors.ts';
import { REQUESTS, type Ack, type RequestName } from '#protocol/signalling.ts';
import type { Metrics } from '#server/telemetry/metrics.ts';
import type { Peer } from './peer.ts';
import { ANSWERS, HOST_ONLY } from './requests.ts';

export interface DispatchOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Answers one event: `{ok}` or `{error}` to its acknowledgement when it asked for one, else an error comes as an event of its own. */
export async function dispatch(
  peer: Peer,
  event: string,
  args: unknown[],
  { clock, metrics }: DispatchOptions,
): Promise<Ack<unknown>> {
  const startedAt = clock.now();
  const known = isRequest(event);
  const ack = await answer(peer, event, args);
  const labels = { event: known ? event : 'unknown', outcome: 'ok' in ack ? 'ok' : ack.error.code };
  metrics.socketEventMs.observe(labels, clock.now() - startedAt);
  return ack;
}

async function answer(peer: Peer, event: string, args: readonly unknown[]): Promise<Ack<unknown>> {
  try {
    await peer.limits.use('event', peer.id);
    if (!isRequest(event)) {
      throw new AvatarError(
        'bad_request',
        `There is no event "${event.slice(0, 64)}"; known are ${Object.keys(REQUESTS).join(', ')}.`,
      );
    }
    if (HOST_ONLY.includes(event) && peer.role !== 'host') throw new AvatarError('forbidden', `A viewer may not send ${event}.`);
    return { ok: await call(peer, event, args) };
  } catch (thrown) {
    const { code, message } = asAvatarError(thrown);
    if (code === 'internal') peer.log.error({ err: thrown, event }, 'event failed');
    return { error: { code, message } };
  }
}

const isRequest = (event: string): event is RequestName => Object.hasOwn(REQUESTS, event);

async function call<Name extends RequestName>(peer: Peer, event: Name, args: readonly unknown[]): Promise<unknown> {
  if (args.length > 1) throw new AvatarError('bad_request', `${event} takes one object and an acknowledgement.`);
  const given = args[0] ?? {};
  if (holdsBinary(given)) throw new AvatarError('bad_request', `${event} takes no binary data.`);
  const parsed = REQUESTS[event].request.safeParse(given);
  if (!parsed.success) throw invalid(parsed.error.issues);
  // The table pairs each request with its answer; TypeScript can't follow a pair through a lookup.
  const run = ANSWERS[event] as (peer: Peer, request: unknown) => unknown;
  return run(peer, parsed.data);
}

function invalid(issues: readonly { path: PropertyKey[]; message: string }[]): AvatarError {
  const first = issues[0];
  const where = first?.path.map(String).join('.') || 'request';
  return new AvatarError('bad_request', `${where.slice(0, 200)}: ${(first?.message ?? 'is invalid').slice(0, 300)}`);
}

/** Walks without recursion: a client may nest as deep as a message is long. */
function holdsBinary(given: unknown): boolean {
  const open = [given];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (ArrayBuffer.isView(next) || types.isAnyArrayBuffer(next)) return true;
    for (const value of Object.values(next)) open.push(value);
  }
  return false;
}
