import type { z } from 'zod';
import { HOST_ONLY } from '#server/signalling/requests.ts';

type Schema = z.core.JSONSchema.BaseSchema;

export interface SignallingSchema {
  readonly $schema: string;
  readonly title: string;
  readonly requests: Readonly<Record<string, { readonly request: Schema; readonly answer: Schema }>>;
  readonly events: Readonly<Record<string, Schema>>;
}

const HEAD = `# Socket events

Generated from \`protocol/signalling.ts\` by \`node scripts/generate.ts\`; the schemas are in \`protocol/schema/signalling.json\`.

Connect with socket.io 4 to the \`signalling\` URL of a session: \`io(urls.signalling, { auth: { token } })\`. A refused connection gives a
\`connect_error\` whose \`data\` is \`{code, message}\`. Every request is acknowledged with \`{ok: …}\` or \`{error: {code, message}}\`. A message has at
most 64 KB and no binary data; a larger one ends the connection. The session's events come from the moment of connecting, joined or not.
`;

/** docs/socket-events.md. */
export function describeSocketEvents({ requests, events }: SignallingSchema): string {
  const asked = Object.entries(requests).map(([name, { request, answer }]) => {
    const who = (HOST_ONLY as readonly string[]).includes(name) ? '\n\nOnly for role `host`.' : '';
    return `### \`${name}\`${who}\n\nRequest:${table(request)}\n\nAnswer:${table(answer)}`;
  });
  const told = Object.entries(events).map(([name, schema]) => `### \`${name}\`${table(schema)}`);
  return `${[HEAD, '## Client → server', ...asked, '## Server → client', ...told].join('\n\n').replaceAll('\n\n\n', '\n\n')}\n`;
}

function table(schema: Schema): string {
  const lines = fields(schema, '');
  return lines.length === 0 ? ' `{}`' : `\n\n| field | type | |\n|---|---|---|\n${lines.join('\n')}`;
}

/** One line per field, the fields of objects and of arrays' items after it under their dotted path. */
function fields(schema: Schema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, given]) => {
    const field = given as Schema;
    const path = `${prefix}${name}`;
    const must = schema.required?.includes(name) === true ? '' : 'optional';
    const notes = [must, limits(field), field.description ?? ''].filter((note) => note !== '').join('; ');
    const items = field.items as Schema | undefined;
    const inner = items ? fields(items, `${path}[].`) : fields(field, `${path}.`);
    return [`| \`${path}\` | ${typeOf(field)} | ${notes} |`, ...inner];
  });
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.anyOf) return schema.anyOf.map((option) => typeOf(option)).join(' or ');
  if (schema.type === 'array') return `array of ${typeOf((schema.items ?? {}) as Schema)}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') {
    const values = typeOf(schema.additionalProperties);
    if (values !== 'any') return `object of ${values}`;
  }
  return typeof schema.type === 'string' ? schema.type : 'any';
}

function limits({ minLength, maxLength, minItems, maxItems, pattern, default: fallback }: Schema): string {
  return [
    minLength === undefined ? '' : `at least ${minLength} characters`,
    maxLength === undefined ? '' : `at most ${maxLength} characters`,
    minItems === undefined ? '' : `at least ${minItems}`,
    maxItems === undefined ? '' : `at most ${maxItems}`,
    pattern === undefined ? '' : `like \`${pattern.replaceAll('|', '\\|')}\``,
    fallback === undefined ? '' : `default \`${JSON.stringify(fallback)}\``,
  ]
    .filter((limit) => limit !== '')
    .join(', ');
}
