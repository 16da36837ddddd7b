import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '#base/clock.ts';
import type { AvatarError } from '#base/errors.ts';
import type { FailureKind } from '#base/failure.ts';
import type { Usage } from '#base/usage.ts';
import { chat, chatError, data, type ChatPace } from '#test/support/chat-wire.ts';
import { mute, slammed, startWire, status, webPage, type Answer, type Wire } from '#test/support/wire.ts';
import type { Llm, Prompt } from './llm.ts';
import { openAiLlm } from './openai.ts';

const KEY = 'sk-planted-secret';
const prompt: Prompt = { system: 'Be kind.', messages: [{ role: 'user', content: 'Hello?' }], language: 'en' };
const patience = { first: 1_000, between: 800, whole: 10_000 };

let wire: Wire;
let failed: FailureKind[];
let spent: Usage[];
let llm: Llm;

async function speakTo(...answers: Answer[]): Promise<void> {
  wire = await startWire(...answers);
  failed = [];
  spent = [];
  const access = { apiKey: KEY, baseUrl: `${wire.url}/v1`, model: 'test-model' };
  llm = openAiLlm({ ...access, patience, clock: systemClock, failed: (kind) => failed.push(kind), openFor: 1_500 });
}

const ask = async (signal = new AbortController().signal): Promise<string> =>
  (await Array.fromAsync(llm.complete(prompt, signal, (usage) => spent.push(usage)))).join('');

const failure = async (): Promise<AvatarError> => {
  const error = await ask().then(
    (text) => expect.fail(`answered ${text}`),
    (thrown: unknown) => thrown as AvatarError,
  );
  expect(error).toMatchObject({ code: 'provider_failed', details: { provider: 'openai', part: 'llm' } });
  expect(JSON.stringify([error.message, error.details, error.cause ?? ''])).not.toContain('planted');
  return error;
};

afterEach(() => wire.kill());

describe('openAiLlm', () => {
  it('streams the answer as it comes, asked with the whole conversation and the key', async () => {
    await speakTo(chat('Hello there, how are you?', { everyMs: 20, usage: { prompt_tokens: 12, completion_tokens: 7 } }));
    const times: number[] = [];
    let text = '';
    for await (const piece of llm.complete(prompt, new AbortController().signal, (usage) => spent.push(usage))) {
      times.push(performance.now());
      text += piece;
    }
    expect(text).toBe('Hello there, how are you?');
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(40);
    expect(wire.asked).toHaveLength(1);
    expect(wire.asked[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: `Bearer ${KEY}` },
      body: {
        model: 'test-model',
        stream: true,
        stream_options: { include_usage: true },
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'user', content: 'Hello?' },
        ],
      },
    });
    expect(spent).toEqual([{ part: 'llm', provider: 'openai', inputTokens: 12, outputTokens: 7 }]);
    expect(failed).toEqual([]);
  });

  it('tells the model which language the session has', async () => {
    await speakTo(chat('Hallo.'));
    await Array.fromAsync(llm.complete({ ...prompt, language: 'pt-BR' }, new AbortController().signal));
    expect(wire.asked[0]?.body['messages']).toContainEqual({
      role: 'system',
      content: 'Be kind.\n\nAnswer in Brazilian Portuguese.',
    });
  });

  const text = 'Grüß dich, 你好 👋, how are you today?';
  it.each<[string, ChatPace]>([
    ['bytes cut anywhere, also inside characters', { bytes: 3 }],
    ['all at once', { bytes: 100_000 }],
    ['slowly', { everyMs: 60 }],
    ['without [DONE]', { done: false }],
    ['without a finish reason', { finish: null }],
    ['without either', { finish: null, done: false }],
    ['after comments that keep the connection alive', { before: [': ping\n\n', ': ping\n\n'] }],
    [
      'after empty deltas',
      { before: [data({ choices: [{ delta: {} }] }), data({ choices: [] }), data({ choices: [{ delta: { content: null } }] })] },
    ],
    ['ended by its length', { finish: 'length' }],
  ])('reads an answer that comes %s', async (_name, pace) => {
    await speakTo(chat(text, pace));
    expect(await ask()).toBe(text);
    expect([wire.asked.length, failed]).toEqual([1, []]);
  });

  it('works with a server that refuses to be asked for usage, and asks it once', async () => {
    const picky: Answer = (response, asked) =>
      'stream_options' in asked.body
        ? status(400, chatError('Unrecognized request argument: stream_options', null))(response, asked)
        : chat('All right.')(response, asked);
    await speakTo(picky);
    expect([await ask(), await ask()]).toEqual(['All right.', 'All right.']);
    expect(wire.asked.map(({ body }) => 'stream_options' in body)).toEqual([true, false, false]);
    expect(spent).toEqual(
      Array.from({ length: 2 }, () => ({ part: 'llm', provider: 'openai', inputTokens: 5, outputTokens: 3 })),
    );
    expect(failed).toEqual([]);
  });

  it.each<[string, Answer, FailureKind]>([
    ['is overloaded', status(500), 'overloaded'],
    ['is rate limited', status(429, {}, { 'retry-after-ms': '30' }), 'rate_limited'],
    ['closes the connection', slammed, 'unreachable'],
    ['never answers', mute, 'timeout'],
    ['sends a web page', webPage, 'garbage'],
    [
      'sends broken JSON',
      async (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"cho\n\n'),
      'garbage',
    ],
    [
      'sends other JSON',
      async (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {"choices": 7}\n\n'),
      'garbage',
    ],
    ['says nothing', chat(''), 'garbage'],
    [
      'reports an error in its stream',
      chat([], { before: [data({ error: { message: `no ${KEY}`, code: 'server_error' } })] }),
      'overloaded',
    ],
    ['is cut off at its first word', chat('Hel', { cutAfter: 2 }), 'cut'],
  ])('asks again when the provider %s, and the answer is heard once', async (_name, answer, kind) => {
    await speakTo(answer, chat('Here I am.'));
    expect(await ask()).toBe('Here I am.');
    expect([wire.asked.length, failed]).toEqual([2, [kind]]);
  });

  it('waits as long as it is told to', async () => {
    await speakTo(status(429, {}, { 'retry-after': '1' }), chat('Now.'));
    expect(await ask()).toBe('Now.');
    expect((wire.asked[1]?.at ?? 0) - (wire.asked[0]?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it.each<[string, Answer, FailureKind, string]>([
    [
      'a wrong key',
      status(401, chatError(`Incorrect API key provided: ${KEY}`, 'invalid_api_key')),
      'wrong_key',
      'OPENAI_API_KEY',
    ],
    ['an account without credit', status(429, chatError('You exceeded your quota', 'insufficient_quota')), 'quota', 'credit'],
    ['an unknown model', status(404, chatError('no such model', 'model_not_found')), 'not_found', 'OPENAI_MODEL'],
    ['a pause nobody would sit through', status(429, {}, { 'retry-after': '60' }), 'rate_limited', '429'],
    ['a filter', chat('', { finish: 'content_filter' }), 'refused', 'filter'],
  ])('gives up at once for %s, and says what to do', async (_name, answer, kind, hint) => {
    await speakTo(answer);
    const error = await failure();
    expect(error.details?.['kind']).toBe(kind);
    expect(error.message).toContain(hint);
    expect(wire.asked).toHaveLength(1);
  });

  it('gives up after three times', async () => {
    await speakTo(status(503));
    expect((await failure()).details?.['kind']).toBe('overloaded');
    expect([wire.asked.length, failed]).toEqual([3, ['overloaded', 'overloaded', 'overloaded']]);
  });

  it('gives up after running into its limit of time twice', async () => {
    await speakTo(mute);
    expect((await failure()).message).toContain('nothing came within 1000 ms');
    expect([wire.asked.length, failed]).toEqual([2, ['timeout', 'timeout']]);
    await expect.poll(() => wire.asked.every(({ left }) => left)).toBe(true);
  });

  it.each<[string, string, string]>([
    ['with what follows', 'three four five.', ' '],
    ['with the last words again', 'two three four five.', ' '],
    ['from its beginning', 'One, two three four five.', ' '],
    ['in the middle of a word it had begun', 'three four five.', ' thr'],
  ])('goes on with an answer that is cut off, when the model begins %s', async (_name, rest, last) => {
    await speakTo(chat(['One,', ' two', last], { cutAfter: 4 }), chat(rest));
    expect(await ask()).toBe('One, two three four five.');
    expect(wire.asked[1]?.body['messages']).toEqual([
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'Hello?' },
      { role: 'assistant', content: expect.stringMatching(/^One, two ?$/) as string },
      { role: 'user', content: expect.stringMatching(/cut off/) as string },
    ]);
    expect(failed).toEqual(['cut']);
  });

  it('goes on also when the stream ends without a word, or gets stuck, in the middle of a sentence', async () => {
    await speakTo(chat('One, two', { finish: null, done: false }), chat('three, four,', { stuckAfter: 3 }), chat('five.'));
    expect(await ask()).toBe('One, two three, four, five.');
    expect(failed).toEqual(['cut', 'timeout']);
  });

  it('fails after what was said when going on fails too', async () => {
    await speakTo(chat('One is here. And two', { cutAfter: 6 }), status(500));
    const said: string[] = [];
    const listen = async (): Promise<void> => {
      for await (const piece of llm.complete(prompt, new AbortController().signal)) said.push(piece);
    };
    await expect(listen()).rejects.toMatchObject({ code: 'provider_failed', details: { kind: 'overloaded' } });
    expect(said.join('')).toBe('One is here. And ');
    expect(wire.asked).toHaveLength(3);
  });

  it('asks nobody while the provider is down, then tries once; a success brings it back', async () => {
    await speakTo(status(500));
    await failure();
    expect((await failure()).message).toContain('500');
    expect(wire.asked).toHaveLength(5);
    expect((await failure()).details?.['kind']).toBe('open');
    expect(wire.asked).toHaveLength(5);
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    wire.answers = [chat('Back again.')];
    expect([await ask(), await ask()]).toEqual(['Back again.', 'Back again.']);
    expect(wire.asked).toHaveLength(7);
  });

  it('closes the connection when it is aborted, ends quietly, and counts it as no failure', async () => {
    await speakTo(chat('This goes on and on and on and on', { everyMs: 30 }));
    const abort = new AbortController();
    const heard: string[] = [];
    for await (const piece of llm.complete(prompt, abort.signal, (usage) => spent.push(usage)))
      if (heard.push(piece) === 2) abort.abort();
    expect(heard.length).toBeLessThan(6);
    await expect.poll(() => wire.asked[0]?.left).toBe(true);
    expect(failed).toEqual([]);
    expect(spent).toMatchObject([{ inputTokens: 5 }]);
  });

  it('closes it also when its reader leaves, and while nothing has come yet', async () => {
    await speakTo(chat('This goes on and on', { everyMs: 30 }), mute);
    for await (const _piece of llm.complete(prompt, new AbortController().signal)) break;
    await expect.poll(() => wire.asked[0]?.left).toBe(true);
    for (let n = 1; n <= 7; n += 1) {
      const abort = new AbortController();
      const asking = ask(abort.signal);
      await expect.poll(() => wire.asked.length).toBe(n + 1);
      abort.abort();
      expect(await asking).toBe('');
      await expect.poll(() => wire.asked[n]?.left).toBe(true);
    }
    expect(failed).toEqual([]);
    expect(await ask(AbortSignal.abort())).toBe('');
    expect(wire.asked).toHaveLength(8);
  });
});
