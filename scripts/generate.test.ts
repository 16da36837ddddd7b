import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EVENTS, REQUESTS } from '#protocol/signalling.ts';
import { documents } from './generating/documents.ts';

test('what is generated is up to date, the same each time, and names every event and call', async () => {
  const [first, second] = [await documents(), await documents()];
  expect(second).toEqual(first);
  for (const [path, content] of Object.entries(first)) {
    expect(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8'), `${path}: run node scripts/generate.ts`).toBe(content);
  }
  for (const name of [...Object.keys(REQUESTS), ...Object.keys(EVENTS)]) {
    expect(first['docs/socket-events.md']).toContain(`### \`${name}\``);
  }
  const { paths } = JSON.parse(first['docs/openapi.json'] ?? '{}') as {
    paths: Record<string, Record<string, { responses: object }>>;
  };
  const calls = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
  expect(calls).toEqual(
    expect.arrayContaining([
      'post /v1/sessions',
      'post /v1/sessions/{id}/prompts',
      'patch /v1/sessions/{id}/whep/{viewer}',
      'get /hls/{id}/index.m3u8',
      'get /readyz',
    ]),
  );
  expect(Object.keys(paths['/v1/sessions']?.post?.responses ?? {})).toEqual(['201', '4XX', '5XX']);
});
