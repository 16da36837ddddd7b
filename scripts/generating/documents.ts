import { format } from 'prettier';
import { z } from 'zod';
import { TO_SERVER, TO_WORKER } from '#protocol/frame-link.ts';
import * as http from '#protocol/http.ts';
import { Lease, WorkerPresence } from '#protocol/lease.ts';
import { EVENTS, REQUESTS } from '#protocol/signalling.ts';
import { describeOpenApi } from './openapi.ts';
import { describeSocketEvents, type SignallingSchema } from './socket-events.ts';

/** Every generated file by its path in the checkout. */
export async function documents(): Promise<Record<string, string>> {
  const json = (value: unknown) => format(JSON.stringify(value), { parser: 'json', printWidth: 130 });
  return {
    'protocol/schema/http.json': await json(httpSchema()),
    'protocol/schema/signalling.json': await json(signallingSchema()),
    'protocol/schema/lease.json': await json(leaseSchema()),
    'protocol/schema/frame-link.json': await json(frameLinkSchema()),
    'docs/openapi.json': await json(await describeOpenApi()),
    'docs/socket-events.md': describeSocketEvents(signallingSchema()),
  };
}

type Schema = z.core.JSONSchema.BaseSchema;

/** Bodies by name, as they travel; they refer to each other. */
function httpSchema(): Schema {
  const { schemas } = z.toJSONSchema(z.globalRegistry, { io: 'input', uri: (id) => `#/$defs/${id}` });
  const named = Object.entries(schemas).filter(([id]) => NAMES.has(id));
  const definitions = named.map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema] as const);
  return { $schema: SCHEMA, title: 'HTTP bodies', $defs: Object.fromEntries(definitions) };
}

/** What protocol/http.ts names, and no schema of some package that was registered beside it. */
const NAMES = new Set(Object.values(http).flatMap((value) => (value instanceof z.ZodType ? [value.meta()?.id] : [])));

/** Requests with their answers, and events, by name. */
function signallingSchema(): SignallingSchema {
  const requests = Object.entries(REQUESTS).map(
    ([name, { request, answer }]) => [name, { request: schemaOf(request), answer: schemaOf(answer) }] as const,
  );
  const events = Object.entries(EVENTS).map(([name, schema]) => [name, schemaOf(schema)] as const);
  return {
    $schema: SCHEMA,
    title: 'Socket events',
    requests: Object.fromEntries(requests),
    events: Object.fromEntries(events),
  };
}

/** What travels over the bus, by name. */
const leaseSchema = (): Schema => ({ $schema: SCHEMA, title: 'Bus', $defs: schemasOf({ Lease, WorkerPresence }) });

/** Headers of the frame link, by direction and type. */
const frameLinkSchema = () => ({
  $schema: SCHEMA,
  title: 'Frame link',
  toServer: schemasOf(TO_SERVER),
  toWorker: schemasOf(TO_WORKER),
});

const schemasOf = (named: Readonly<Record<string, z.ZodType>>): Record<string, Schema> =>
  Object.fromEntries(Object.entries(named).map(([name, schema]) => [name, schemaOf(schema)]));

const SCHEMA = 'https://json-schema.org/draft/2020-12/schema';

/** In one piece: without the names by which HTTP bodies refer to each other. */
function schemaOf(schema: z.ZodType): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', reused: 'inline', metadata: z.registry() });
  return rest;
}
