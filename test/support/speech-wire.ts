import { send, type Answer, type Pace } from './wire.ts';

export const SPEECH_RATE = 24_000;

/** Sound that says where in its text it is: each sample is `POSITION` × the number of characters before it, a fraction included. */
export const POSITION = 200;

export interface SpeechPace extends Pace {
  /** Samples per character; how fast the voice is. */
  readonly perCharacter?: number;
  /** Bytes per piece; odd ones cut samples. */
  readonly bytes?: number;
  /** ElevenLabs: times of characters are left out. */
  readonly untimed?: boolean;
  /** ElevenLabs: times count from the beginning of each chunk. */
  readonly relative?: boolean;
  /** Said in place of the sound of the text. */
  readonly sound?: Uint8Array;
}

/** Twenty characters a second. */
const PER_CHARACTER = SPEECH_RATE / 20;

function positions(text: string, perCharacter: number): Uint8Array {
  const samples = Int16Array.from({ length: text.length * perCharacter }, (_, n) => Math.round((POSITION * n) / perCharacter));
  return new Uint8Array(samples.buffer);
}

const pieces = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));

/** Raw PCM, as OpenAI's speech streams it. */
export const speech =
  (pace: SpeechPace = {}): Answer =>
  async (response, { body }) => {
    const { perCharacter = PER_CHARACTER, bytes = 4_801, sound } = pace;
    response.writeHead(200, { 'content-type': 'audio/pcm' });
    await send(response, pieces(sound ?? positions(String(body['input']), perCharacter), bytes), pace);
  };

/** A line of JSON per piece, as ElevenLabs streams speech with timestamps. */
export const timedSpeech =
  (pace: SpeechPace = {}): Answer =>
  async (response, { body }) => {
    const { perCharacter = PER_CHARACTER, bytes = 4_801, untimed = false, relative = false } = pace;
    const text = String(body['text']);
    const sound = pieces(pace.sound ?? positions(text, perCharacter), bytes);
    let told = 0;
    const lines = sound.map((piece, n) => {
      const until = n === sound.length - 1 ? text.length : Math.ceil(((n + 1) * bytes) / 2 / perCharacter);
      const letters = Array.from(text.slice(told, until));
      const from = told;
      told += letters.length;
      const second = (index: number): number => ((index - (relative ? from : 0)) * perCharacter) / SPEECH_RATE;
      const alignment = {
        characters: letters,
        character_start_times_seconds: letters.map((_, k) => second(from + k)),
        character_end_times_seconds: letters.map((_, k) => second(from + k + 1)),
      };
      const times = untimed || letters.length === 0 ? null : alignment;
      return `${JSON.stringify({ audio_base64: Buffer.from(piece).toString('base64'), alignment: times, normalized_alignment: times })}\n`;
    });
    response.writeHead(200, { 'content-type': 'application/json' });
    await send(response, lines, pace);
  };

/** An error as ElevenLabs words it. */
export const speechError = (status: string, message: string) => ({ detail: { status, message } });
