import { describe, expect, it } from 'vitest';
import { systemClock } from '#base/clock.ts';
import {
  benchOf,
  KEY,
  listenerContract,
  phrase,
  WITHIN,
  type Around,
  type Listener,
} from '#test/contract/provider-listener.contract.ts';
import { scribeSession, scribeWords } from '#test/support/stt-scripts.ts';
import type { Behaviour, Call } from '#test/support/stt-wire.ts';
import { elevenLabsStt } from './elevenlabs.ts';

const make = ({ url, failed }: Around) =>
  elevenLabsStt({
    apiKey: KEY,
    baseUrl: url,
    model: 'scribe_v2_realtime',
    within: WITHIN,
    clock: systemClock,
    failed,
    openFor: 60_000,
  });
const scribe: Listener = { name: 'ElevenLabs', rate: 16_000, make, says: scribeSession, live: true };
const text = 'What is the weather like in Paris today?';

listenerContract(scribe);

type Told = Record<string, unknown> | 'close';

/** Sends `messages` once the phrase is over, and `before` once some of it was heard. */
const tells =
  ({ before = [], after = [] }: { before?: Told[]; after?: Told[] }): Behaviour =>
  async (_call, way) => {
    const socket = await way.accept();
    socket.send(JSON.stringify({ message_type: 'session_started' }));
    const tell = (messages: Told[]): void => {
      for (const message of messages) {
        if (message === 'close') socket.close();
        else socket.send(JSON.stringify(message));
      }
    };
    socket.once('message', () => tell(before));
    socket.on('message', (data: Buffer) => {
      if ((JSON.parse(data.toString()) as Record<string, unknown>)['commit'] === true) tell(after);
    });
  };

const partial = (said: string) => ({ message_type: 'partial_transcript', text: said });
const committed = (said: string) => ({ message_type: 'committed_transcript', text: said });
const timed = (said: string, from = 0) => ({
  message_type: 'committed_transcript_with_timestamps',
  text: said,
  words: scribeWords(said, from),
});

describe('elevenLabsStt', () => {
  it('opens a session with the key, in the language and model it is given, and ends phrases itself', async () => {
    const { wire, hear } = await benchOf(scribe, scribeSession({ text }));
    await hear(phrase(1), 'de-AT');
    const [call] = wire.calls as [Call];
    expect([call.path, call.headers['xi-api-key']]).toEqual(['/v1/speech-to-text/realtime', KEY]);
    expect(Object.fromEntries(call.query)).toEqual({
      model_id: 'scribe_v2_realtime',
      audio_format: 'pcm_16000',
      commit_strategy: 'manual',
      include_timestamps: 'true',
      language_code: 'de',
    });
    expect(call.messages.map(({ commit }) => commit).filter(Boolean)).toEqual([true]);
    expect(call.messages.at(-1)).toMatchObject({ message_type: 'input_audio_chunk', commit: true, sample_rate: 16_000 });
  });

  it('keeps when each word is heard', async () => {
    const { hear } = await benchOf(scribe, scribeSession({ text: 'Good morning all' }));
    expect((await hear(phrase(1.5))).at(-1)?.words).toEqual([
      { text: 'Good', startMs: 0, endMs: 250 },
      { text: 'morning', startMs: 500, endMs: 750 },
      { text: 'all', startMs: 1_000, endMs: 1_250 },
    ]);
  });

  it('yields what is understood while somebody speaks, revised as it goes', async () => {
    const partials = ['Watt', 'What is', 'What is the wetter'];
    const { hear } = await benchOf(scribe, scribeSession({ text, partials, twice: true }));
    const heard = await hear(phrase(0.6, 10));
    expect(heard.map((one) => one.text)).toEqual([...partials, text, text]);
    expect(heard.map((one) => one.final)).toEqual([false, false, false, false, true]);
  });

  it.each<[string, Told[]]>([
    ['never come', [committed(text)]],
    ['never come and the server closes', [committed(text), 'close']],
    ['never come and the text comes twice', [committed(text), committed(text), partial('What')]],
  ])('does without the times of words when they %s', async (_name, after) => {
    const { hear, failed } = await benchOf(scribe, tells({ after }));
    expect((await hear(phrase(0.5))).at(-1)).toEqual({ text, final: true });
    expect(failed).toEqual([]);
  });

  it('puts parts together that the server ended by itself, whatever it says twice', async () => {
    const before = [
      partial('One'),
      committed('One two.'),
      timed('One two.'),
      timed('One two.'),
      committed('One two.'),
      partial('Three'),
    ];
    const after = [committed('Three.'), timed('Three.', 2)];
    const { hear } = await benchOf(scribe, tells({ before, after }));
    const final = (await hear(phrase(0.6, 10))).at(-1);
    expect([final?.text, final?.words?.map((word) => word.text)]).toEqual(['One two. Three.', ['One', 'two.', 'Three.']]);
    const throttled = await benchOf(
      scribe,
      tells({
        before: [committed('One two.'), timed('One two.')],
        after: [{ message_type: 'commit_throttled', error: 'too little' }],
      }),
    );
    expect((await throttled.hear(phrase(0.6, 10))).at(-1)).toMatchObject({ text: 'One two.', final: true });
    expect(throttled.failed).toEqual([]);
  });

  it.each([
    ['transcriber_error', 'overloaded'],
    ['resource_exhausted', 'overloaded'],
    ['rate_limited', 'rate_limited'],
    ['insufficient_audio_activity', 'cut'],
    ['session_time_limit_exceeded', 'cut'],
  ])('asks again after %s', async (message_type, kind) => {
    const { hear, failed } = await benchOf(
      scribe,
      tells({ after: [{ message_type, error: KEY }, 'close'] }),
      scribeSession({ text }),
    );
    expect((await hear(phrase(0.5))).at(-1)).toMatchObject({ text, final: true });
    expect(failed).toEqual([kind]);
  });

  it.each([
    ['auth_error', 'wrong_key', 'ELEVENLABS_API_KEY'],
    ['quota_exceeded', 'quota', 'plan'],
    ['unaccepted_terms', 'quota', 'unaccepted_terms'],
    ['invalid_request', 'refused', 'invalid_request'],
  ])('gives up at once after %s, and says what to do', async (message_type, kind, hint) => {
    const { wire, failure } = await benchOf(scribe, tells({ before: [{ message_type, error: KEY }, 'close'] }));
    const error = await failure();
    expect([error.details?.['kind'], wire.calls.length]).toEqual([kind, 1]);
    expect(error.message).toContain(hint);
  });
});
