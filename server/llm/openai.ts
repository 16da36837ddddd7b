import type { OpenAI } from 'openai';
import { z } from 'zod';
import type { Clock } from '#base/clock.ts';
import { Broken, type FailureKind } from '#base/failure.ts';
import { openAiAdvice, openAiClient, openAiFailure, type OpenAiAccess } from '#base/openai.ts';
import { Provider } from '#base/provider.ts';
import type { Patience } from '#base/timed.ts';
import { tokensIn } from '#base/token-count.ts';
import type { Spend } from '#base/usage.ts';
import { continued } from './continued.ts';
import type { Llm, Prompt } from './llm.ts';
import { wholeWords } from './whole-words.ts';

const NAME = 'openai';
const GO_ON = 'Your answer was cut off there. Go on exactly where it stopped, and repeat nothing.';

export interface OpenAiLlmOptions extends OpenAiAccess {
  readonly model: string;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly failed: (kind: FailureKind) => void;
  readonly openFor?: number;
}

/** As far as it is read; servers leave out and add what they like. */
const Chunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
});

/** One request, as it went. */
interface Answer {
  text: string;
  finish: string | undefined;
  usage: { readonly prompt_tokens: number; readonly completion_tokens: number } | undefined;
}

/**
 * OpenAI's chat completions, or those of a server that speaks like it (Ollama, vLLM, llama.cpp). An answer that is cut off is gone on with: the
 * model is told what it said so far, and what it repeats of that is left out.
 */
export function openAiLlm(options: OpenAiLlmOptions): Llm {
  const { model, patience, clock, failed, openFor } = options;
  const client = openAiClient(options);
  const provider = new Provider({
    name: NAME,
    part: 'llm',
    patience,
    clock,
    failed,
    failureOf: (thrown, begun) => openAiFailure(thrown, begun, clock),
    advice: (kind) => openAiAdvice(kind, 'OPENAI_MODEL'),
    ...(openFor === undefined ? {} : { openFor }),
  });
  // Not every server knows it; one that refuses it is not asked again.
  let asksForUsage = true;

  async function open(messages: OpenAI.ChatCompletionMessageParam[], signal: AbortSignal): Promise<AsyncIterable<unknown>> {
    const request = { model, messages, stream: true } as const;
    if (!asksForUsage) return client.chat.completions.create(request, { signal });
    try {
      return await client.chat.completions.create({ ...request, stream_options: { include_usage: true } }, { signal });
    } catch (error) {
      if (openAiFailure(error, false, clock).kind !== 'refused') throw error;
      const stream = await client.chat.completions.create(request, { signal });
      asksForUsage = false;
      return stream;
    }
  }

  async function* ask(prompt: Prompt, said: string, signal: AbortSignal, spend?: Spend): AsyncGenerator<string> {
    const messages = messagesOf(prompt, said);
    const answer: Answer = { text: '', finish: undefined, usage: undefined };
    const stream = await open(messages, signal);
    try {
      yield* continued(wholeWords(read(stream, answer)), said);
    } finally {
      const { usage } = answer;
      const inputTokens = usage?.prompt_tokens ?? tokensIn(messages.map(({ content }) => content).join('\n'));
      const outputTokens = usage?.completion_tokens ?? tokensIn(answer.text);
      spend?.({ part: 'llm', provider: NAME, inputTokens, outputTokens });
    }
    judge(answer, said);
  }

  return {
    name: NAME,
    async *complete(prompt, signal, spend) {
      let said = '';
      for await (const piece of provider.stream((stop) => ask(prompt, said, stop, spend), signal)) {
        said += piece;
        // An empty one was only a sign of life.
        if (piece !== '') yield piece;
      }
    },
  };
}

/** Models answer in English unless something tells them otherwise. */
function instructionsOf({ system, language }: Prompt): string {
  if (/^en\b/i.test(language)) return system;
  return `${system}\n\nAnswer in ${new Intl.DisplayNames(['en'], { type: 'language' }).of(language) ?? language}.`.trim();
}

function messagesOf(prompt: Prompt, said: string) {
  const cut = [
    { role: 'assistant' as const, content: said },
    { role: 'user' as const, content: GO_ON },
  ];
  const system = { role: 'system' as const, content: instructionsOf(prompt) };
  return [system, ...prompt.messages, ...(said.trim() === '' ? [] : cut)];
}

async function* read(stream: AsyncIterable<unknown>, answer: Answer): AsyncGenerator<string> {
  for await (const data of stream) {
    const chunk = Chunk.safeParse(data);
    if (!chunk.success) throw new Broken('garbage', 'its answer is no chat completion');
    const choice = chunk.data.choices?.[0];
    const text = choice?.delta?.content ?? choice?.delta?.refusal ?? '';
    answer.text += text;
    answer.finish = choice?.finish_reason ?? answer.finish;
    answer.usage = chunk.data.usage ?? answer.usage;
    yield text;
  }
}

/** Whether an answer that ended is one: some servers never say that it is finished, and a proxy may end one that is not. */
function judge({ text, finish }: Answer, said: string): void {
  if (finish === 'content_filter' && (said + text).trim() === '') throw new Broken('refused', 'its filter kept the answer back');
  if ((said + text).trim() === '') throw new Broken('garbage', 'its answer holds nothing');
  if (finish !== undefined) return;
  if (!/[.!?…。！？:;)"'”’»\]]\s*$/u.test(text)) throw new Broken('cut', 'its answer was cut off');
}
