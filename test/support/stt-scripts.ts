import { setTimeout as wait } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import type { Behaviour } from './stt-wire.ts';

/** What a recogniser understands of a phrase, and how it says so. */
export interface Script {
  readonly text: string;
  /** Said one by one while sound comes, each for another tenth of a second. */
  readonly partials?: readonly string[];
  /** After so many ms of sound the connection is cut. */
  readonly cutAfter?: number;
  /** Before the final text, ms. */
  readonly lateBy?: number;
  /** Nothing is said once the phrase is over. */
  readonly mumbles?: boolean;
  /** Everything is said twice. */
  readonly twice?: boolean;
  /** Sent as it is, once some sound came. */
  readonly raw?: string | Buffer;
}

type Messages = (name: 'hello' | 'partial' | 'end', text: string, before: string) => readonly Record<string, unknown>[];

/** Plays `script` over a socket whose sound has `rate`. */
function play(script: Script, rate: number, isEnd: (message: Record<string, unknown>) => boolean, messages: Messages): Behaviour {
  return async (call, way) => {
    const socket = await way.accept();
    const send = (name: 'hello' | 'partial' | 'end', text: string, before = ''): void => {
      for (const message of messages(name, text, before))
        for (let n = 0; n < (script.twice ? 2 : 1); n += 1) socket.send(JSON.stringify(message));
    };
    send('hello', '');
    let said = 0;
    for await (const message of messagesOf(socket)) {
      const ms = (call.sound.length / rate) * 1_000;
      if (script.cutAfter !== undefined && ms >= script.cutAfter) return socket.terminate();
      if (script.raw !== undefined && ms > 0) return socket.send(script.raw);
      for (; said < (script.partials?.length ?? 0) && ms >= (said + 1) * 100; said += 1)
        send('partial', script.partials?.[said] ?? '', script.partials?.[said - 1]);
      if (!isEnd(message)) continue;
      if (script.mumbles) return;
      await wait(script.lateBy ?? 0);
      return send('end', script.text);
    }
  };
}

async function* messagesOf(socket: WebSocket): AsyncGenerator<Record<string, unknown>> {
  const waiting: Record<string, unknown>[] = [];
  let news = Promise.withResolvers<void>();
  let over = false;
  socket.on('message', (data: Buffer) => {
    waiting.push(JSON.parse(data.toString()) as Record<string, unknown>);
    news.resolve();
  });
  socket.on('close', () => {
    over = true;
    news.resolve();
  });
  for (;;) {
    const next = waiting.shift();
    if (next) yield next;
    else if (over) return;
    else {
      await news.promise;
      news = Promise.withResolvers();
    }
  }
}

const ITEM = 'item_1';
const TRANSCRIPTION = 'conversation.item.input_audio_transcription';

/** OpenAI's realtime transcription. A partial that goes on from the one before is told by what it adds. */
export const openAiSession = (script: Script): Behaviour =>
  play(
    script,
    24_000,
    ({ type }) => type === 'input_audio_buffer.commit',
    (name, text, before) => {
      if (name === 'hello') return [{ type: 'session.created', session: { type: 'transcription' } }];
      if (name === 'partial')
        return [{ type: `${TRANSCRIPTION}.delta`, item_id: ITEM, content_index: 0, delta: text.slice(before.length) }];
      return [
        { type: 'input_audio_buffer.committed', item_id: ITEM, previous_item_id: null },
        {
          type: `${TRANSCRIPTION}.completed`,
          item_id: ITEM,
          content_index: 0,
          transcript: text,
          usage: { type: 'duration', seconds: 1 },
        },
      ];
    },
  );

/** OpenAI's transcription endpoint. */
export const openAiAnswer =
  ({ text, lateBy = 0, mumbles, cutAfter, raw }: Script): Behaviour =>
  async (call, way) => {
    if (cutAfter !== undefined) return way.destroy();
    if (mumbles) return;
    await wait(lateBy);
    if (raw !== undefined) return way.answer(200, String(raw), { 'content-type': 'application/json' });
    const words = text.split(' ').map((word, n) => ({ word, start: n / 2, end: n / 2 + 0.25 }));
    way.answer(200, { text, ...('timestamp_granularities[]' in call.form ? { words } : {}) });
  };

/** Words as ElevenLabs times them, each a quarter of a second long, from `from` on, in seconds. */
export const scribeWords = (text: string, from = 0) =>
  text
    .split(' ')
    .flatMap((word, n) => [
      ...(n === 0 ? [] : [{ text: ' ', start: from + n / 2 - 0.25, end: from + n / 2, type: 'spacing' }]),
      { text: word, start: from + n / 2, end: from + n / 2 + 0.25, type: 'word', logprob: -0.1 },
    ]);

/** ElevenLabs' Scribe, live. */
export const scribeSession = (script: Script): Behaviour =>
  play(
    script,
    16_000,
    ({ commit }) => commit === true,
    (name, text) => {
      if (name === 'hello') return [{ message_type: 'session_started', session_id: 's', config: { sample_rate: 16_000 } }];
      if (name === 'partial') return [{ message_type: 'partial_transcript', text }];
      return [
        { message_type: 'committed_transcript', text },
        { message_type: 'committed_transcript_with_timestamps', text, language_code: 'en', words: scribeWords(text) },
      ];
    },
  );
