import { afterEach, expect, test } from 'vitest';
import { systemClock, VirtualClock } from '#base/clock.ts';
import type { FailureKind } from '#base/failure.ts';
import { silentLog } from '#base/log.ts';
import type { Usage } from '#base/usage.ts';
import { chat, chatError, data } from '#test/support/chat-wire.ts';
import { startWire, status, type Answer, type Wire } from '#test/support/wire.ts';
import { openAiLlm } from './openai.ts';
import { arithmeticTool } from './tools/arithmetic.ts';
import { timeTool } from './tools/time.ts';
import { tool, type Tool } from './tools/tool.ts';
import { Toolbox } from './tools/toolbox.ts';
import { z } from 'zod';

const NOON = new VirtualClock(0, Date.UTC(2_026, 0, 1, 12));
const prompt = { system: 'Be kind.', messages: [{ role: 'user', content: 'What time is it?' }], language: 'en' } as const;
const patience = { first: 1_000, between: 800, whole: 10_000 };
let wire: Wire;
let spent: Usage[];
let failed: FailureKind[];
let worked: number;

async function speakTo(answers: Answer[], tools: readonly Tool[] = [timeTool(NOON), arithmeticTool()]) {
  wire = await startWire(...answers);
  [spent, failed, worked] = [[], [], 0];
  const toolbox = new Toolbox(tools, { clock: systemClock, log: silentLog });
  const access = { apiKey: 'sk', baseUrl: `${wire.url}/v1`, model: 'test-model', toolbox };
  const llm = openAiLlm({ ...access, patience, clock: systemClock, failed: (kind) => failed.push(kind), openFor: 1_500 });
  return (signal = new AbortController().signal) =>
    Array.fromAsync(
      llm.complete(
        prompt,
        signal,
        (usage) => spent.push(usage),
        () => (worked += 1),
      ),
    ).then((pieces) => pieces.join(''));
}

afterEach(() => wire.kill());

/** Calls, as they are streamed: the first piece names the tool, the others bring its arguments bit by bit. */
function calls(text: string, ...wanted: { name: string; args: string; index?: null }[]): Answer {
  const parts = wanted.flatMap(({ name, args, index: none }, n) => {
    const index = none === null ? {} : { index: n };
    const bits = args.match(/.{1,4}/g) ?? [];
    return [
      { ...index, id: `call_${String(n)}`, type: 'function', function: { name, arguments: '' } },
      ...bits.map((bit) => ({ ...index, function: { arguments: bit } })),
    ];
  });
  const before = [
    ...(text === '' ? [] : [data({ choices: [{ index: 0, delta: { content: text }, finish_reason: null }] })]),
    ...parts.map((part) => data({ choices: [{ index: 0, delta: { tool_calls: [part] }, finish_reason: null }] })),
  ];
  return chat([], { before, finish: 'tool_calls', usage: { prompt_tokens: 10, completion_tokens: 5 } });
}

const told = (round: number) =>
  (wire.asked[round]?.body['messages'] as { role: string; content: string }[])
    .filter(({ role }) => role === 'tool')
    .map(({ content }) => content);

test('a tool that is asked for is run, its answer told, and the reply gone on with', async () => {
  const ask = await speakTo([
    calls('Let me look.', { name: 'current_time', args: '{"zone":"Europe/Berlin"}' }),
    chat('It is one o’clock.', { usage: { prompt_tokens: 20, completion_tokens: 6 } }),
  ]);
  expect(await ask()).toBe('Let me look. It is one o’clock.');
  expect(wire.asked[0]?.body['tools']).toMatchObject([
    { type: 'function', function: { name: 'current_time', parameters: { type: 'object' } } },
    { type: 'function', function: { name: 'calculate', parameters: { required: ['expression'] } } },
  ]);
  expect((wire.asked[1]?.body['messages'] as unknown[]).slice(2)).toEqual([
    {
      role: 'assistant',
      content: 'Let me look.',
      tool_calls: [{ id: 'call_0', type: 'function', function: { name: 'current_time', arguments: '{"zone":"Europe/Berlin"}' } }],
    },
    { role: 'tool', tool_call_id: 'call_0', content: expect.stringMatching(/Thursday,? 1 January 2026 at 13:00/) as string },
  ]);
  expect([worked, failed, spent.map((one) => one.part === 'llm' && one.inputTokens)]).toEqual([1, [], [10, 20]]);
});

test('several at once are run, each in its place, also where a server numbers none', async () => {
  const two = [
    { name: 'calculate', args: '{"expression":"2^70"}', index: null },
    { name: 'calculate', args: '{"expression":"1/0"}', index: null },
  ] as const;
  const ask = await speakTo([calls('', ...two), chat('Done, thank you.')]);
  expect(await ask()).toBe('Done, thank you.');
  expect(told(1)).toEqual(['1180591620717411303424', '{"error":"It is divided by zero."}']);
});

test('a model that never stops to ask is made to answer', async () => {
  const again = calls('', { name: 'calculate', args: '{"expression":"1+1"}' });
  const ask = await speakTo([again, again, again, again, chat('It is two.')]);
  expect(await ask()).toBe('It is two.');
  expect(wire.asked.map(({ body }) => body['tool_choice'])).toEqual([undefined, undefined, undefined, undefined, 'none']);
});

test('a server that knows no tools is asked without, and not again', async () => {
  const refusal = status(400, chatError('model does not support tools', null));
  const ask = await speakTo([refusal, refusal, chat('All right.'), chat('All right.')]);
  expect([await ask(), await ask()]).toEqual(['All right.', 'All right.']);
  expect(wire.asked.map(({ body }) => ['tools' in body, 'stream_options' in body])).toEqual([
    [true, true],
    [true, false],
    [false, true],
    [false, true],
  ]);
});

test('an answer that is cut off after a tool was asked is gone on with, and the tool not asked again', async () => {
  let runs = 0;
  const counting = tool({ name: 'count', description: 'Counts.', parameters: z.object({}), run: () => String(++runs) });
  const ask = await speakTo(
    [
      calls('', { name: 'count', args: '{}' }),
      chat(['The count', ' is', ' one', ' and'], { cutAfter: 4, before: [] }),
      chat('not more.'),
    ],
    [counting],
  );
  expect(await ask()).toMatch(/^The count is one.* not more\.$/);
  expect(runs).toBe(1);
  expect(told(2)).toEqual(['1']);
});

test('aborted while a tool runs, it ends at once, asks nothing more, and the tool is stopped', async () => {
  const abort = new AbortController();
  let stopped: AbortSignal | undefined;
  const hanging = tool({
    name: 'wait',
    description: 'Waits.',
    parameters: z.object({}),
    run: (_, signal) => {
      stopped = signal;
      setImmediate(() => abort.abort());
      return new Promise<string>(() => undefined);
    },
  });
  const ask = await speakTo([calls('One moment.', { name: 'wait', args: '' })], [hanging]);
  expect(await ask(abort.signal)).toBe('One moment.');
  expect(stopped?.aborted).toBe(true);
  expect(wire.asked).toHaveLength(1);
});
