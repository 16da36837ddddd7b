import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { io, type Socket } from 'socket.io-client';
import type { Transcript, Turn } from '#protocol/http.ts';
import type { EventName, EventOf } from '#protocol/signalling.ts';
import { chat } from '#test/support/chat-wire.ts';
import { startServer, type RunningServer } from '#test/support/server.ts';
import { timedSpeech } from '#test/support/speech-wire.ts';
import { startWire, status, type Wire } from '#test/support/wire.ts';

const OPENAI_API_KEY = 'sk-planted-openai';
const ELEVENLABS_API_KEY = 'sk-planted-elevenlabs';

describe('a server with real providers', () => {
  let model: Wire;
  let voice: Wire;
  let server: RunningServer;
  let socket: Socket | undefined;

  beforeAll(async () => {
    model = await startWire(
      chat('Hello there, my friend. It is good to see you.', { usage: { prompt_tokens: 100, completion_tokens: 20 } }),
    );
    voice = await startWire(timedSpeech({ perCharacter: 400 }));
    server = await startServer({
      OPENAI_API_KEY,
      OPENAI_BASE_URL: `${model.url}/v1`,
      ELEVENLABS_API_KEY,
      ELEVENLABS_BASE_URL: voice.url,
      LLM_TIMEOUT: '3000',
      LLM_PRICE: '1/10',
      TTS_PRICE: '100',
      RENDERER: 'pattern',
    });
  }, 120_000);
  afterEach(() => socket?.disconnect());
  afterAll(async () => {
    expect((await server.stop()).exitCode).toBe(0);
    expect(JSON.stringify(server.log)).not.toContain('planted');
    await model.kill();
    await voice.kill();
  });

  /** A session with all it tells, and one turn's end. */
  async function converse() {
    const session = await server.createSession({ systemPrompt: 'Be kind.' });
    const told: { [Name in EventName]?: EventOf<Name>[] } = {};
    const connected = io(session.urls.signalling, { auth: { token: session.token }, transports: ['websocket'] });
    socket = connected;
    connected.onAny((name: EventName, payload: unknown) => void ((told[name] ??= []) as unknown[]).push(payload));
    await new Promise((resolve) => connected.once('connect', () => resolve(undefined)));
    const ask = async (text: string): Promise<Turn> => {
      const path = `/v1/sessions/${session.id}`;
      const { body } = await server.call('POST', `${path}/prompts`, { text }, session.token);
      const { utteranceId } = body as { utteranceId: string };
      const turnOf = async (): Promise<Turn | undefined> =>
        ((await server.call('GET', `${path}/transcript`, undefined, session.token)).body as Transcript).turns.find(
          (turn) => turn.utteranceId === utteranceId,
        );
      await expect.poll(async () => (await turnOf())?.endedAt, { timeout: 40_000, interval: 100 }).toBeDefined();
      return (await turnOf()) as Turn;
    };
    return { told, ask, session };
  }

  const metric = async (line: RegExp): Promise<number> =>
    Number(line.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1] ?? 0);

  it('speaks what its model answers in its provider’s voice, and counts what that cost', { timeout: 90_000 }, async () => {
    const { told, ask } = await converse();
    expect(await ask('Hello?')).toMatchObject({ state: 'done', spoken: 'Hello there, my friend. It is good to see you.' });
    expect(voice.asked.map(({ body }) => body['text'])).toEqual(['Hello there, my friend.', 'It is good to see you.']);
    expect(voice.asked[0]?.path).toContain('EXAVITQu4vr4xnSDxMaL');
    const usage = { inputTokens: 100, outputTokens: 20, characters: 45 };
    await expect.poll(() => told.turn).toMatchObject([{ outcome: 'done', usage }]);
    expect(told.turn?.[0]?.usage?.usd).toBeCloseTo((100 * 1 + 20 * 10 + 45 * 100) / 1e6, 6);
    expect(await metric(/^provider_usage_total\{provider="elevenlabs",kind="characters"\} (\d+)/m)).toBe(45);
    expect(await metric(/^provider_cost_usd_total\{provider="openai"\} (\S+)/m)).toBeCloseTo(0.0003, 6);
    expect(told.error).toBeUndefined();
  });

  it('remembers the conversation', { timeout: 90_000 }, async () => {
    const { ask } = await converse();
    await ask('Hello?');
    await ask('And now?');
    expect(model.asked.at(-1)?.body['messages']).toEqual([
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'Hello?' },
      { role: 'assistant', content: 'Hello there, my friend. It is good to see you.' },
      { role: 'user', content: 'And now?' },
    ]);
  });

  it('closes both connections when it is interrupted', { timeout: 90_000 }, async () => {
    model.answers = [chat('This is a long answer that has no end. '.repeat(20), { everyMs: 40 })];
    const { told, ask, session } = await converse();
    const asking = ask('Talk.');
    await expect.poll(() => told.caption?.length ?? 0, { timeout: 20_000 }).toBeGreaterThan(0);
    await server.call('POST', `/v1/sessions/${session.id}/interrupt`, undefined, session.token);
    expect(await asking).toMatchObject({ state: 'interrupted' });
    await expect.poll(() => model.asked.at(-1)?.left).toBe(true);
    expect(await metric(/^provider_errors_total\{provider="openai",kind="\w+"\} (\d+)/m)).toBe(0);
  });

  it('apologises in its own voice when its model is down, and says why', { timeout: 90_000 }, async () => {
    model.answers = [status(503)];
    const { told, ask } = await converse();
    const before = voice.asked.length;
    expect(await ask('Hello?')).toMatchObject({
      state: 'failed',
      spoken: expect.stringMatching(/^I am sorry, .*in a moment\.$/) as string,
    });
    expect(
      voice.asked
        .slice(before)
        .map(({ body }) => body['text'])
        .join(' '),
    ).toMatch(/^I am sorry,.* in a moment\.$/);
    const message = expect.stringMatching(/model of openai.*503/) as string;
    expect(told.error).toEqual([{ code: 'provider_failed', message }]);
    await expect.poll(() => told.state?.at(-1)).toMatchObject({ state: 'degraded', reason: message });
    expect(told.turn).toMatchObject([{ outcome: 'failed' }]);
    expect(await metric(/^provider_errors_total\{provider="openai",kind="overloaded"\} (\d+)/m)).toBe(3);
  });

  it('apologises in another voice when its own is down', { timeout: 90_000 }, async () => {
    model.answers = [chat('One is said. Two will not be.')];
    voice.answers = [timedSpeech({ perCharacter: 400 }), status(500)];
    const { told, ask } = await converse();
    expect(await ask('Hello?')).toMatchObject({
      state: 'failed',
      spoken: expect.stringMatching(/^One is said\. I am sorry, my own voice is not available.*\.$/) as string,
    });
    expect([...new Set(told.caption?.map(({ clause }) => clause))]).toEqual([0, 1, 2]);
    expect(told.error).toMatchObject([
      { code: 'provider_failed', message: expect.stringMatching(/voice of elevenlabs.*500/) as string },
    ]);
  });

  it('says what it has, and apologises once, when both are killed in mid-answer', { timeout: 90_000 }, async () => {
    model.answers = [chat('One is said. Two will not be.', { everyMs: 30, stuckAfter: 5 })];
    voice.answers = [timedSpeech({ perCharacter: 400 })];
    const { told, ask } = await converse();
    const asking = ask('Hello?');
    await expect.poll(() => told.caption?.length ?? 0, { timeout: 20_000, interval: 20 }).toBeGreaterThan(0);
    await Promise.all([model.kill(), voice.kill()]);
    const { state, spoken } = await asking;
    expect(state).toBe('failed');
    expect(spoken).toMatch(/^One is said\. I am sorry, I can not think of an answer/);
    expect(spoken.match(/I am sorry/g)).toHaveLength(1);
    expect(told.error).toHaveLength(1);
  });
});
