import { afterEach, expect, test } from 'vitest';
import { systemClock } from '#base/clock.ts';
import type { FailureKind } from '#base/failure.ts';
import { silentLog } from '#base/log.ts';
import type { Usage } from '#base/usage.ts';
import { chat, chatError, data } from '#test/support/chat-wire.ts';
import { startWire, status, type Answer, type Wire } from '#test/support/wire.ts';
import { openAiLlm } from './openai.ts';
import type { Prompt } from './llm.ts';
import { arithmeticTool } from './tools/arithmetic.ts';
import { Toolbox } from './tools/toolbox.ts';

const JPEG = Uint8Array.from({ length: 300 }, (_, n) => (n * 37) % 256);
const URL_OF_IT = `data:image/jpeg;base64,${Buffer.from(JPEG).toString('base64')}`;
const prompt: Prompt = {
  system: 'Be kind.',
  messages: [
    { role: 'user', content: 'Hello?' },
    { role: 'assistant', content: 'Hi.' },
    { role: 'user', content: 'What is this?' },
  ],
  language: 'en',
  image: { width: 64, height: 48, jpeg: JPEG },
};
const shown = {
  role: 'user',
  content: [
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: URL_OF_IT } },
  ],
};
const read = { role: 'user', content: 'What is this?' };
let wire: Wire;
let spent: Usage[];
let failed: FailureKind[];
let unseen: number;

async function speakTo(...answers: Answer[]) {
  wire = await startWire(...answers);
  [spent, failed, unseen] = [[], [], 0];
  const toolbox = new Toolbox([arithmeticTool()], { clock: systemClock, log: silentLog });
  const patience = { first: 1_000, between: 800, whole: 10_000 };
  const access = { apiKey: 'sk', baseUrl: `${wire.url}/v1`, model: 'test-model', sees: true, toolbox };
  const llm = openAiLlm({ ...access, patience, clock: systemClock, failed: (kind) => failed.push(kind), openFor: 1_500 });
  return async (asked = prompt) => {
    const { signal } = new AbortController();
    const pieces = llm.complete(
      asked,
      signal,
      (usage) => spent.push(usage),
      undefined,
      () => (unseen += 1),
    );
    return (await Array.fromAsync(pieces)).join('');
  };
}
const last = (at: number): unknown => (wire.asked.at(at)?.body['messages'] as unknown[]).find((one) => isAsked(one));
const isAsked = (message: unknown): boolean => JSON.stringify(message).includes('What is this?');
/** Takes no images, as servers whose model reads only. */
const blind =
  (refusal: Answer): Answer =>
  (response, asked) =>
    JSON.stringify(asked.body).includes('image_url') ? refusal(response, asked) : chat('A sentence.')(response, asked);
const refused = status(400, chatError('test-model is not a multimodal model', null));

afterEach(() => wire.kill());

test('the image goes with the user’s last message, as a data URL, also when tools are asked', async () => {
  const call = { index: 0, id: 'call_0', type: 'function', function: { name: 'calculate', arguments: '{"expression":"1+1"}' } };
  const ask = await speakTo(
    chat([], { before: [data({ choices: [{ delta: { tool_calls: [call] } }] })], finish: 'tool_calls' }),
    chat('It is a lamp.'),
  );
  expect(await ask()).toBe('It is a lamp.');
  expect(wire.asked).toHaveLength(2);
  expect(wire.asked[0]?.body['messages']).toEqual([
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'Hello?' },
    { role: 'assistant', content: 'Hi.' },
    shown,
  ]);
  expect((wire.asked[1]?.body['messages'] as unknown[]).slice(3)).toMatchObject([shown, { role: 'assistant' }, { role: 'tool' }]);
  expect([unseen, failed]).toEqual([0, []]);
  // Estimated: the image's letters are no words.
  const { inputTokens } = spent[1] as Extract<Usage, { part: 'llm' }>;
  expect(inputTokens).toBeGreaterThan(1_000);
  expect(inputTokens).toBeLessThan(1_100);
});

test.each<[string, Answer]>([
  ['refuses it', refused],
  ['knows no endpoint for it', status(404, chatError('No endpoints found that support image input', null))],
  ['fails by itself', status(500, chatError('image input is not supported', null))],
])(
  'is answered without it when the server %s, with one request more, and says so; the next image is tried again',
  async (_name, refusal) => {
    const ask = await speakTo(blind(refusal));
    expect([await ask(), await ask()]).toEqual(['A sentence.', 'A sentence.']);
    expect(unseen).toBe(2);
    expect([0, 1, 2, 3].map(last)).toEqual([shown, read, shown, read]);
    expect(wire.asked).toHaveLength(4);
    expect(failed).toEqual([]);
  },
);

test('the same when the refusal comes inside the stream', async () => {
  const ask = await speakTo(blind(chat([], { before: [data({ error: { message: 'no images', code: 400 } })] })));
  expect(await ask()).toBe('A sentence.');
  expect([unseen, wire.asked.length]).toEqual([1, 2]);
});

test('an image is not blamed for what else a server refuses', async () => {
  const ask = await speakTo((response, asked) =>
    'stream_options' in asked.body ? refused(response, asked) : chat('A lamp.')(response, asked),
  );
  expect([await ask(), await ask()]).toEqual(['A lamp.', 'A lamp.']);
  expect([unseen, last(-1), last(-2)]).toEqual([0, shown, shown]);
});

test('an overloaded server is sent it once, and no more often than without', async () => {
  const ask = await speakTo(status(500));
  await expect(ask()).rejects.toMatchObject({ code: 'provider_failed', details: { kind: 'overloaded' } });
  expect([0, 1, 2, 3].map(last)).toEqual([shown, read, read, read]);
  expect(wire.asked).toHaveLength(4);
  expect(unseen).toBe(0);
});
