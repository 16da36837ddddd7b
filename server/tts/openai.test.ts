import { describe, expect, it } from 'vitest';
import { systemClock } from '#base/clock.ts';
import { benchOf, KEY, PATIENCE, soundOf, voiceContract, type Around } from '#test/contract/provider-voice.contract.ts';
import { speech } from '#test/support/speech-wire.ts';
import { openAiTts } from './openai.ts';

const voice = ({ url, failed }: Around) =>
  openAiTts({
    apiKey: KEY,
    baseUrl: `${url}/v1`,
    model: 'test-tts',
    voice: 'coral',
    patience: PATIENCE,
    clock: systemClock,
    failed,
    openFor: 60_000,
  });

voiceContract('OpenAI', voice, speech);

describe('openAiTts', () => {
  it('asks for raw PCM in the voice and model it is given', async () => {
    const { wire, say } = await benchOf(voice, [speech()]);
    await say('Hello.');
    expect(wire.asked[0]).toMatchObject({
      path: '/v1/audio/speech',
      headers: { authorization: `Bearer ${KEY}` },
      body: { input: 'Hello.', model: 'test-tts', voice: 'coral', response_format: 'pcm' },
    });
  });

  it('goes on where it sounds alike when it is cut off', async () => {
    const { wire, say, failed } = await benchOf(voice, [
      speech({ sound: tune(1_200), cutAfter: 14 }),
      speech({ sound: tune(1_300), bytes: 4_800 }),
    ]);
    const sound = soundOf(await say('Whatever it is, it has a tune.'));
    expect(notesOf(sound)).toEqual(NOTES);
    expect([wire.asked.length, failed]).toEqual([2, ['cut']]);
  });

  it('refuses sound that is no raw PCM', async () => {
    const { failure } = await benchOf(voice, [speech({ sound: Buffer.from('RIFF....WAVEfmt ') })]);
    expect((await failure('Hello.')).message).toContain('no raw PCM');
  });
});

/** Loudness of each note, none like the one before. */
const NOTES = [3, 9, 2, 7, 4, 10, 1, 6, 3, 8, 2, 9, 5, 1, 7, 3, 10, 4, 8, 2, 6, 1, 9, 5, 10, 3, 7, 2, 8, 4];

/** A note of so many samples for each number, with a frequency that tells it. */
function tune(length: number): Uint8Array {
  const samples = NOTES.flatMap((note) =>
    Array.from({ length }, (_, n) => Math.round(note * 2_000 * Math.sin((n * 2 * Math.PI) / 40))),
  );
  return new Uint8Array(Int16Array.from(samples).buffer);
}

/** The notes that were heard, one after the other. */
function notesOf(sound: Int16Array): number[] {
  const levels = Array.from({ length: Math.floor(sound.length / 40) }, (_, n) =>
    Math.round(Math.max(...sound.subarray(n * 40, n * 40 + 40)) / 2_000),
  );
  const runs = levels.reduce<{ note: number; length: number }[]>((all, note) => {
    const last = all.at(-1);
    if (last?.note === note) last.length += 1;
    else all.push({ note, length: 1 });
    return all;
  }, []);
  // The fade of 10 ms passes through levels of its own.
  const notes = runs.filter(({ length }) => length > 6).map(({ note }) => note);
  return notes.filter((note, n) => note !== notes[n - 1]);
}
