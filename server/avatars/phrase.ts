import { deserialize, serialize } from 'node:v8';
import { z } from 'zod';
import type { Character, Clause, DrawnFrame, Size } from '#base/media.ts';
import { VideoDecoder } from '#server/media/decoder.ts';
import type { EncodedPicture } from '#server/media/encoder.ts';
import type { Renderer } from '#server/render/renderer.ts';
import type { Tts } from '#server/tts/tts.ts';

/** What decoding costs of real time, about. */
const RECITED_RTF = 0.1;

const Bytes = z.instanceof(Uint8Array);
const Saved = z.object({
  clauses: z.array(
    z.object({
      text: z.string(),
      samples: z.instanceof(Int16Array),
      characters: z.array(z.object({ text: z.string(), start: z.number(), end: z.number() })).optional(),
    }),
  ),
  pictures: z
    .object({
      idleFrame: z.number(),
      size: z.object({ width: z.number(), height: z.number() }),
      packets: z.array(z.object({ data: Bytes, keyframe: z.boolean() })),
    })
    .optional(),
});

interface Said {
  readonly text: string;
  readonly samples: Int16Array;
  readonly characters?: readonly Character[] | undefined;
}

/** Pictures that were drawn for it, going on from one frame of the idle loop. */
interface Shown {
  readonly idleFrame: number;
  readonly size: Size;
  readonly packets: readonly EncodedPicture[];
}

/** A text as it was once said: each clause's sound, and the pictures where drawing them anew takes too long. */
export interface Phrase {
  readonly clauses: readonly Said[];
  readonly pictures?: Shown | undefined;
}

export const savePhrase = (phrase: Phrase): Uint8Array => serialize(phrase);

/** Undefined when the bytes are none. */
export function loadPhrase(bytes: Uint8Array): Phrase | undefined {
  try {
    return Saved.parse(deserialize(bytes));
  } catch {
    return undefined;
  }
}

/** Says what is in the phrase, after `ready`; from the first clause that isn't, the voice itself goes on. */
export function recitingTts(tts: Tts, { clauses: said }: Phrase, ready: () => Promise<void>): Tts {
  return {
    name: tts.name,
    rate: tts.rate,
    async *synthesize(clauses, voice, signal, spend) {
      const source = clauses[Symbol.asyncIterator]();
      for (let at = 0; ; at += 1) {
        const next: IteratorResult<Clause, unknown> = await source.next();
        if (next.done) return;
        if (at === 0) await ready();
        if (signal.aborted) return;
        const clause = next.value;
        const known = said[at];
        if (known?.text !== clause.text) {
          yield* tts.synthesize(from(clause, source), voice, signal, spend);
          return;
        }
        yield { samples: known.samples, rate: tts.rate, start: 0, clause, endOfClause: true, characters: known.characters };
      }
    },
  };
}

/** Shows the pictures of the phrase at their places; what it has none for is left out. */
export function recitingRenderer(renderer: Renderer, { packets, size }: Shown): Renderer {
  return {
    ...aside(renderer),
    expectedRtf: RECITED_RTF,
    async *render(windows, _request, signal): AsyncGenerator<DrawnFrame, void, undefined> {
      const decoder = await VideoDecoder.open(size);
      try {
        let frame = 0;
        for await (const window of windows) {
          for (; frame < window.startFrame + window.freshFrames; frame += 1) {
            const packet = packets[frame];
            if (signal.aborted || !packet) break;
            const picture = await decoder.decode(packet.data);
            if (picture) yield { frame, picture };
          }
        }
      } finally {
        await decoder.close();
      }
    },
  };
}

/** A renderer that takes another's place for one utterance, and isn't its owner. */
export const aside = (renderer: Renderer): Omit<Renderer, 'render' | 'expectedRtf'> => ({
  name: renderer.name,
  geometry: renderer.geometry,
  stamped: renderer.stamped,
  idle: (avatar, signal) => renderer.idle(avatar, signal),
  close: () => Promise.resolve(),
});

async function* from(first: Clause, rest: AsyncIterator<Clause>): AsyncGenerator<Clause, void, undefined> {
  try {
    yield first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.(undefined);
  }
}
