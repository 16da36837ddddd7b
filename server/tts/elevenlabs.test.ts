import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import {
  benchOf,
  expectInOrder,
  KEY,
  PATIENCE,
  soundOf,
  voiceContract,
  type Around,
} from '#test/contract/provider-voice.contract.ts';
import { recognise } from '#test/recognise.ts';
import { SPEECH_RATE, speechError, timedSpeech } from '#test/support/speech-wire.ts';
import { status, type Answer } from '#test/support/wire.ts';
import { elevenLabsTts } from './elevenlabs.ts';

const voice = ({ url, failed }: Around) =>
  elevenLabsTts({
    apiKey: KEY,
    baseUrl: url,
    voiceId: 'voice-1',
    model: 'eleven_flash_v2_5',
    patience: PATIENCE,
    clock: systemClock,
    log: silentLog,
    failed,
    openFor: 60_000,
  });
const bench = (...answers: Answer[]) => benchOf(voice, answers);
const TEXT = 'What is the weather like in Paris today?';

voiceContract('ElevenLabs', voice, timedSpeech);

describe('elevenLabsTts', () => {
  it('asks for PCM with times, in the voice, model and language it is given', async () => {
    const { wire, say } = await bench(timedSpeech());
    await say('Hello.', 'Good bye.');
    expect(wire.asked[1]?.body).toMatchObject({ text: 'Good bye.', previous_text: 'Hello.' });
    expect(wire.asked[0]).toMatchObject({
      path: '/v1/text-to-speech/voice-1/stream/with-timestamps',
      headers: { 'xi-api-key': KEY },
      body: { text: 'Hello.', model_id: 'eleven_flash_v2_5', language_code: 'en' },
    });
    expect(wire.asked[0]?.query.get('output_format')).toBe('pcm_24000');
  });

  it.each([{}, { relative: true }])('keeps when each character is heard %j', async (pace) => {
    const { say } = await bench(timedSpeech(pace));
    const characters = (await say(TEXT)).flatMap((chunk) => chunk.characters ?? []);
    expect(characters.map(({ text }) => text).join('')).toBe(TEXT);
    characters.forEach(({ start, end }, n) => {
      expect(Math.abs(start - (n * SPEECH_RATE) / 20)).toBeLessThan(30);
      expect(Math.abs(end - ((n + 1) * SPEECH_RATE) / 20)).toBeLessThan(30);
    });
  });

  it.each([1_200, 1_320, 1_000])(
    'goes on at the same character when it is cut off, the new voice at %i samples each',
    async (perCharacter) => {
      const { wire, say, failed } = await bench(timedSpeech({ cutAfter: 6 }), timedSpeech({ perCharacter }));
      const chunks = await say(TEXT);
      expectInOrder(soundOf(chunks), TEXT.length, 0.2);
      expect(failed).toEqual(['cut']);
      expect(wire.asked).toHaveLength(2);
      const characters = chunks.flatMap((chunk) => chunk.characters ?? []);
      expect(characters.map(({ text }) => text).join('')).toBe(TEXT);
      expect(Math.abs((characters.at(-1)?.end ?? 0) - soundOf(chunks).length)).toBeLessThan(60);
    },
  );

  it('goes on after two cuts, after one at the very beginning of the new one, and after a silence', async () => {
    const { say, failed } = await bench(
      timedSpeech({ cutAfter: 8, bytes: 9_601 }),
      timedSpeech({ stuckAfter: 2, bytes: 9_601, perCharacter: 1_100 }),
      timedSpeech({ perCharacter: 1_300 }),
    );
    expectInOrder(soundOf(await say(TEXT)), TEXT.length, 0.2);
    expect(failed).toEqual(['cut', 'timeout']);
  });

  it('takes an answer that ends well before its text for one that was cut off', async () => {
    const short: Answer = (response, asked) => timedSpeech()(response, { ...asked, body: { text: TEXT.slice(0, 20) } });
    const { say, failed } = await bench(short, timedSpeech());
    expectInOrder(soundOf(await say(TEXT)), TEXT.length, 0.2);
    expect(failed).toEqual(['cut']);
  });

  it('decodes MP3 where the plan refuses PCM, and asks for PCM only once', { timeout: 60_000 }, async () => {
    const source = ['-f', 'lavfi', '-i', `flite=text='${TEXT}':voice=slt`];
    const { stdout } = await execa('ffmpeg', ['-v', 'error', ...source, '-ar', '44100', '-b:a', '128k', '-f', 'mp3', 'pipe:1'], {
      encoding: 'buffer',
    });
    const message = "Output format 'pcm_24000' is only available on a higher tier";
    const planned: Answer = (response, asked) =>
      asked.query.get('output_format')?.startsWith('pcm')
        ? status(403, speechError('output_format_not_allowed', message))(response, asked)
        : timedSpeech({ sound: stdout, untimed: true, bytes: 999 })(response, asked);
    const { wire, say, failed, tts } = await bench(planned);
    const chunks = await say(TEXT, TEXT);
    for (const clause of [0, 1]) {
      const heard = await recognise(Buffer.from(soundOf(chunks, clause).buffer), tts.rate);
      expect(heard).toContain('weather like in paris today');
    }
    expect(wire.asked.map(({ query }) => query.get('output_format'))).toEqual(
      expect.arrayContaining(['pcm_24000', 'mp3_44100_128', 'mp3_44100_128']),
    );
    await say('Again.');
    expect(wire.asked.at(-1)?.query.get('output_format')).toBe('mp3_44100_128');
    expect(failed).toEqual([]);
  });

  it.each([
    [401, 'quota_exceeded', 'quota'],
    [400, 'voice_not_found', 'not_found'],
    [422, 'invalid_uid', 'refused'],
  ])('says for %i %s that it is %s', async (code, word, kind) => {
    const { failure, wire } = await bench(status(code, speechError(word, 'whatever')));
    const error = await failure('Hello.');
    expect(error.details?.['kind']).toBe(kind);
    expect(error.message).toContain(word);
    expect(wire.asked).toHaveLength(1);
  });
});
