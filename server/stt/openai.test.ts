import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import {
  benchOf,
  heardSeconds,
  KEY,
  listenerContract,
  phrase,
  WITHIN,
  type Around,
  type Listener,
} from '#test/contract/provider-listener.contract.ts';
import { trustedCertificate } from '#test/support/certificate.ts';
import { openAiAnswer, openAiSession } from '#test/support/stt-scripts.ts';
import { http, type Behaviour, type Call } from '#test/support/stt-wire.ts';
import { openAiStt } from './openai.ts';

const make =
  (model?: string) =>
  ({ url, failed }: Around) =>
    openAiStt({
      apiKey: KEY,
      baseUrl: `${url}/v1`,
      model,
      within: WITHIN,
      clock: systemClock,
      log: silentLog,
      failed,
      openFor: 60_000,
    });

const realtime: Listener = {
  name: 'OpenAI, realtime',
  rate: 24_000,
  make: make(),
  says: openAiSession,
  live: true,
  certificate: await trustedCertificate(),
};
const endpoint: Listener = { name: 'OpenAI, by request', rate: 16_000, make: make('tiny'), says: openAiAnswer, live: false };
const text = 'What is the weather like in Paris today?';

listenerContract(realtime);
listenerContract(endpoint);

const TRANSCRIPTION = 'conversation.item.input_audio_transcription';

/** Sends `messages` once the phrase is over. */
const ends =
  (...messages: (Record<string, unknown> | 'close')[]): Behaviour =>
  async (_call, way) => {
    const socket = await way.accept();
    socket.send(JSON.stringify({ type: 'session.created' }));
    socket.on('message', (data: Buffer) => {
      if ((JSON.parse(data.toString()) as Record<string, unknown>)['type'] !== 'input_audio_buffer.commit') return;
      for (const message of messages) {
        if (message === 'close') socket.close();
        else socket.send(JSON.stringify(message));
      }
    });
  };

describe('openAiStt over a socket', () => {
  it('opens a transcription session in the language, with sound at 24 kHz and ends of our own', async () => {
    const { wire, hear } = await benchOf(realtime, openAiSession({ text }));
    await hear(phrase(1), 'pt-BR');
    const [call] = wire.calls as [Call];
    expect([call.path, call.query.toString(), call.headers.authorization]).toEqual([
      '/v1/realtime',
      'intent=transcription',
      `Bearer ${KEY}`,
    ]);
    expect(call.messages[0]).toEqual({
      type: 'session.update',
      session: {
        type: 'transcription',
        audio: {
          input: {
            format: { type: 'audio/pcm', rate: 24_000 },
            transcription: { model: 'gpt-live-transcribe', languages: ['pt'] },
            turn_detection: null,
          },
        },
      },
    });
    expect(call.messages.at(-1)).toEqual({ type: 'input_audio_buffer.commit' });
    expect(call.sound).toHaveLength(24_000);
    const older = await benchOf({ ...realtime, make: make('gpt-4o-transcribe') }, openAiSession({ text }));
    await older.hear(phrase(0.5), 'de');
    expect(JSON.stringify(older.wire.calls[0]?.messages[0])).toContain(
      '"transcription":{"model":"gpt-4o-transcribe","language":"de"}',
    );
  });

  it('yields what is understood while somebody speaks, revised at last, each once', async () => {
    const partials = ['What', 'What is', 'What is the wetter'];
    const { hear } = await benchOf(realtime, openAiSession({ text, partials, twice: false }));
    const heard = await hear(phrase(0.6, 10));
    expect(heard.map((one) => [one.text, one.final])).toEqual([...partials.map((one) => [one, false]), [text, true]]);
  });

  it('takes what is said twice once', async () => {
    const { hear, failed } = await benchOf(realtime, openAiSession({ text, twice: true }));
    expect((await hear(phrase(0.5))).map((one) => [one.text, one.final])).toEqual([[text, true]]);
    expect(failed).toEqual([]);
  });

  it('makes short sound long enough with silence', async () => {
    const { wire, hear, spent } = await benchOf(realtime, openAiSession({ text: 'Yes.' }));
    await hear(phrase(0.1));
    expect(wire.calls[0]?.sound).toHaveLength(12_000);
    expect(heardSeconds(wire.calls[0] as Call, 24_000)).toBeCloseTo(0.1, 2);
    expect(spent).toMatchObject([{ seconds: 0.1 }]);
  });

  it('puts items together that the server ended by itself', async () => {
    const item = (id: string, transcript: string) => ({ type: `${TRANSCRIPTION}.completed`, item_id: id, transcript });
    const empty = { type: 'error', error: { type: 'invalid_request_error', code: 'input_audio_buffer_commit_empty' } };
    const split: Behaviour = async (_call, way) => {
      const socket = await way.accept();
      socket.send(JSON.stringify({ type: 'session.created' }));
      socket.once('message', () => socket.send(JSON.stringify(item('a', 'One two.'))));
      socket.on('message', (data: Buffer) => {
        if (data.toString().includes('.commit')) socket.send(JSON.stringify(empty));
      });
    };
    const { hear, failed } = await benchOf(realtime, split);
    expect((await hear(phrase(0.6, 10))).map((one) => one.text)).toEqual(['One two.', 'One two.']);
    const late = await benchOf(
      realtime,
      ends({ type: 'input_audio_buffer.committed', item_id: 'b' }, item('a', 'One.'), item('b', 'Two.')),
    );
    expect((await late.hear(phrase(0.5))).at(-1)).toEqual({ text: 'One. Two.', final: true });
    expect([failed, late.failed]).toEqual([[], []]);
  });

  it.each<[string, Record<string, unknown> | 'close', string]>([
    [
      'the transcription failed',
      { type: `${TRANSCRIPTION}.failed`, item_id: 'a', error: { type: 'server_error' } },
      'overloaded',
    ],
    ['the server reported an error', { type: 'error', error: { type: 'server_error', code: null, message: KEY } }, 'overloaded'],
    ['the session ran out', { type: 'error', error: { type: 'invalid_request_error', code: 'session_expired' } }, 'cut'],
    ['the connection was closed', 'close', 'cut'],
  ])('asks again when %s', async (_name, message, kind) => {
    const { hear, failed } = await benchOf(realtime, ends(message), openAiSession({ text }));
    expect((await hear(phrase(0.5))).at(-1)).toEqual({ text, final: true });
    expect(failed).toEqual([kind]);
  });

  it.each([
    ['invalid_api_key', 'wrong_key', 'OPENAI_API_KEY'],
    ['insufficient_quota', 'quota', 'credit'],
    ['model_not_found', 'not_found', 'OPENAI_STT_MODEL'],
    ['invalid_value', 'refused', 'invalid_value'],
  ])('gives up at once for %s, and says what to do', async (code, kind, hint) => {
    const { wire, failure } = await benchOf(realtime, ends({ type: 'error', error: { type: 'invalid_request_error', code } }));
    const error = await failure();
    expect([error.details?.['kind'], wire.calls.length]).toEqual([kind, 1]);
    expect(error.message).toContain(hint);
  });

  it('has a session open for the next phrase, and opens another after it', async () => {
    const { wire, stt, hear } = await benchOf(realtime, openAiSession({ text }));
    stt.prepare('en');
    stt.prepare('en');
    await expect.poll(() => wire.calls.length).toBe(1);
    await wait(30);
    await hear(phrase(0.5));
    await expect.poll(() => wire.calls.length).toBe(2);
    expect(wire.calls[0]?.messages.at(-1)).toEqual({ type: 'input_audio_buffer.commit' });
    await hear(phrase(0.5), 'de');
    await expect.poll(() => wire.calls[1]?.left).toBe(true);
    expect(wire.calls[1]?.sound).toHaveLength(0);
    await stt.close('done');
    await expect.poll(() => wire.calls.every(({ left }) => left)).toBe(true);
  });

  it('does without the one that is open when it was lost meanwhile', async () => {
    const { wire, stt, hear, failed } = await benchOf(realtime, (_call, way) => way.destroy(), openAiSession({ text }));
    stt.prepare('en');
    await expect.poll(() => wire.calls.length).toBe(1);
    await wait(50);
    expect((await hear(phrase(0.5))).at(-1)).toEqual({ text, final: true });
    expect(failed).toEqual([]);
  });
});

describe('openAiStt by request', () => {
  it('sends a WAV file once the phrase is over, and asks Whisper for the times of its words', async () => {
    const { wire, hear } = await benchOf({ ...endpoint, make: make() }, openAiAnswer({ text: 'Good morning.' }));
    expect(await hear(phrase(1), 'de-AT')).toEqual([
      {
        text: 'Good morning.',
        final: true,
        words: [
          { text: 'Good', startMs: 0, endMs: 250 },
          { text: 'morning.', startMs: 500, endMs: 750 },
        ],
      },
    ]);
    expect(wire.calls[0]).toMatchObject({
      path: '/v1/audio/transcriptions',
      headers: { authorization: `Bearer ${KEY}` },
      form: { model: 'whisper-1', language: 'de', response_format: 'verbose_json', 'timestamp_granularities[]': ['word'] },
    });
    expect(wire.calls[0]?.sound).toHaveLength(16_000);
  });

  it('works with a server that knows no times of words, and asks for them once', async () => {
    const picky: Behaviour = (call, way) =>
      call.form['response_format'] === 'verbose_json'
        ? way.answer(400, { error: { code: 'unsupported_value' } })
        : openAiAnswer({ text })(call, way);
    const { wire, hear, failed } = await benchOf({ ...endpoint, make: make() }, picky);
    for (let n = 0; n < 2; n += 1) expect((await hear(phrase(0.5))).map((one) => one.text)).toEqual([text]);
    expect(wire.calls.map(({ form }) => form['response_format'])).toEqual(['verbose_json', 'json', 'json']);
    expect(failed).toEqual([]);
  });

  it('is what is left where the server has no realtime transcription, and asks for that once', async () => {
    const plain: Behaviour = (call, way) =>
      call.path.endsWith('/realtime') ? http(404)(call, way) : openAiAnswer({ text })(call, way);
    const { wire, hear, failed } = await benchOf(realtime, plain);
    for (let n = 0; n < 2; n += 1) expect((await hear(phrase(0.5))).at(-1)).toMatchObject({ text, final: true });
    expect(wire.calls.map(({ path }) => path)).toEqual(['/v1/realtime', '/v1/audio/transcriptions', '/v1/audio/transcriptions']);
    expect(failed).toEqual([]);
  });
});
