import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { VirtualClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import { timeTool } from './time.ts';
import { tool, type Tool } from './tool.ts';
import { Toolbox } from './toolbox.ts';

const clock = new VirtualClock(0, Date.UTC(2_026, 6, 1, 22, 30));
const signal = new AbortController().signal;
const box = (...tools: Tool[]) => new Toolbox(tools, { clock, log: silentLog });
const weather = (run: (city: string, signal: AbortSignal) => string | Promise<string>) =>
  tool({
    name: 'weather',
    description: 'The weather.',
    parameters: z.strictObject({ city: z.string().min(2) }),
    timeout: 500,
    run: ({ city }, stop) => run(city, stop),
  });

test('a tool is described by JSON Schema, and run with what it asked for', async () => {
  const one = weather((city) => `It rains in ${city}.`);
  expect(one.parameters).toEqual({
    type: 'object',
    properties: { city: { type: 'string', minLength: 2 } },
    required: ['city'],
    additionalProperties: false,
  });
  expect(await box(one).run({ id: '1', name: 'weather', args: '{"city":"Bonn"}' }, signal)).toBe('It rains in Bonn.');
});

test.each([
  ['{"city":"B"}', /The arguments are wrong: city/],
  ['{"town":"Bonn"}', /The arguments are wrong/],
  ['{"city":', /no JSON/],
  ['', /The arguments are wrong/],
])('wrong arguments (%s) are told to the model', async (args, why) => {
  const run = vi.fn(() => '');
  expect(await box(weather(run)).run({ id: '1', name: 'weather', args }, signal)).toMatch(why);
  expect(run).not.toHaveBeenCalled();
});

test('so is a tool that fails, that there is not, or that takes too long', async () => {
  const failing = box(weather(() => Promise.reject(new Error('The station is down.'))));
  expect(await failing.run({ id: '1', name: 'weather', args: '{"city":"Bonn"}' }, signal)).toBe(
    '{"error":"The station is down."}',
  );
  expect(await failing.run({ id: '1', name: 'whether', args: '{}' }, signal)).toMatch(
    /no tool called \\"whether\\"; there are weather/,
  );
  let stopped: AbortSignal | undefined;
  const slow = box(weather((_, stop) => new Promise(() => (stopped = stop))));
  const told = slow.run({ id: '1', name: 'weather', args: '{"city":"Bonn"}' }, signal);
  await clock.advance(499);
  expect(stopped?.aborted).toBe(false);
  await clock.advance(2);
  expect(await told).toBe('{"error":"It took too long."}');
  expect(stopped?.aborted).toBe(true);
});

test('a tool nobody waits for any more is stopped, and holds up nothing', async () => {
  const abort = new AbortController();
  let stopped: AbortSignal | undefined;
  const hanging = box(weather((_, stop) => new Promise(() => (stopped = stop))));
  const told = hanging.run({ id: '1', name: 'weather', args: '{"city":"Bonn"}' }, abort.signal);
  abort.abort();
  await told;
  expect(stopped?.aborted).toBe(true);
});

test('two of one name are refused, and a long answer is cut', async () => {
  expect(() =>
    box(
      weather(() => ''),
      weather(() => ''),
    ),
  ).toThrow(/two tools called weather/);
  const long = box(weather(() => 'x'.repeat(10_000)));
  expect(await long.run({ id: '1', name: 'weather', args: '{"city":"Bonn"}' }, signal)).toHaveLength(4_000);
});

test('the time is told in the zone it is asked for', async () => {
  const time = box(timeTool(clock));
  const ask = (args: string) => time.run({ id: '1', name: 'current_time', args }, signal);
  expect(await ask('{"zone":"Asia/Tokyo"}')).toMatch(/Thursday,? 2 July 2026 at 07:3/);
  expect(await ask('')).toMatch(/Wednesday,? 1 July 2026 at 22:3/);
  expect(await ask('{"zone":"Mars/Olympus"}')).toMatch(/no IANA time zone/);
});
