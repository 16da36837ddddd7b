import { APIConnectionError, APIError, type OpenAI } from 'openai';
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
import { exchange, messagesOf, tokensOf, type Message } from './openai-messages.ts';
import type { Tool } from './tools/tool.ts';
import type { Call, Toolbox } from './tools/toolbox.ts';
import { wholeWords } from './whole-words.ts';

const NAME = 'openai';
/** Times a reply may ask for tools, and how many at once. */
const MAX_ROUNDS = 4;
const MAX_CALLS = 8;

export interface OpenAiLlmOptions extends OpenAiAccess {
  readonly model: string;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly failed: (kind: FailureKind) => void;
  readonly openFor?: number;
  /** What it may ask the server for. */
  readonly toolbox?: Toolbox | undefined;
  /** The model takes images. */
  readonly sees?: boolean;
}

/** Some of a call: its arguments come in pieces. Some servers number none. */
const CallPart = z.object({
  index: z.number().nullish(),
  id: z.string().nullish(),
  function: z.object({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
});

/** As far as it is read; servers leave out and add what they like. */
const Chunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z
          .object({ content: z.string().nullish(), refusal: z.string().nullish(), tool_calls: z.array(CallPart).nullish() })
          .nullish(),
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
  calls: { id: string; name: string; args: string }[];
}

interface Opened {
  /** What it was asked with. */
  readonly messages: readonly Message[];
  readonly stream: AsyncIterable<unknown>;
}

/** Where a reply is: what was said in it since a tool was last asked, and what tools were asked and said. */
interface Progress {
  said: string;
  readonly before: Message[];
  calls: readonly Call[];
  /** Whether it may still ask for one. */
  mayCall: boolean;
  /** With the image as long as that may be taken. */
  prompt: Prompt;
}

/**
 * OpenAI's chat completions, or those of a server that speaks like it (Ollama, vLLM, llama.cpp). An answer that is cut off is gone on with: the
 * model is told what it said so far, and what it repeats of that is left out.
 */
export function openAiLlm(options: OpenAiLlmOptions): Llm {
  const { model, patience, clock, failed, openFor, toolbox, sees = false } = options;
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
  let knows: Knows = { usage: true, tools: true };

  async function open(progress: Progress, signal: AbortSignal): Promise<Opened> {
    const { said, before, mayCall, prompt } = progress;
    const extras = extrasOf(toolbox, knows, mayCall, prompt.image !== undefined);
    for (const [at, { usage, tools, image }] of extras.entries()) {
      const messages = messagesOf(image ? prompt : withoutImage(prompt), before, said);
      try {
        const request = { model, messages, stream: true } as const;
        const asked = { ...request, ...(usage ? { stream_options: { include_usage: true } } : {}), ...(tools ?? {}) };
        const stream = await client.chat.completions.create(asked, { signal });
        knows = { usage, tools: knows.tools && (tools !== undefined || !toolbox) };
        if (!image) progress.prompt = withoutImage(prompt);
        return { messages, stream };
      } catch (error) {
        const { kind } = openAiFailure(error, false, clock);
        const isBlind = image && isBlindness(error);
        // An overloaded server is not sent it again.
        if (isBlind) progress.prompt = withoutImage(prompt);
        if (at === extras.length - 1 || (kind !== 'refused' && !isBlind)) throw error;
      }
    }
    throw new Broken('refused', 'it takes no request');
  }

  async function* ask(progress: Progress, signal: AbortSignal, spend?: Spend): AsyncGenerator<string> {
    const { said } = progress;
    const answer: Answer = { text: '', finish: undefined, usage: undefined, calls: [] };
    progress.calls = answer.calls;
    const { messages, stream } = await open(progress, signal);
    try {
      yield* continued(wholeWords(read(stream, answer)), said);
    } catch (error) {
      if (isBlindness(error)) progress.prompt = withoutImage(progress.prompt);
      throw error;
    } finally {
      const { usage } = answer;
      const inputTokens = usage?.prompt_tokens ?? tokensOf(messages);
      const outputTokens = usage?.completion_tokens ?? tokensIn(answer.text + answer.calls.map(({ args }) => args).join(''));
      spend?.({ part: 'llm', provider: NAME, inputTokens, outputTokens });
    }
    if (answer.calls.length === 0) judge(answer, said);
  }

  return {
    name: NAME,
    sees,
    async *complete(prompt, signal, spend, working, unseen) {
      const progress: Progress = { said: '', before: [], calls: [], mayCall: true, prompt };
      let isShown = prompt.image !== undefined;
      for (let round = 1; ; round += 1) {
        progress.mayCall = round <= MAX_ROUNDS;
        for await (const piece of provider.stream((stop) => ask(progress, stop, spend), signal)) {
          if (isShown && !progress.prompt.image) unseen?.();
          isShown = progress.prompt.image !== undefined;
          progress.said += piece;
          // An empty one was only a sign of life.
          if (piece !== '') yield piece;
        }
        const { said, calls } = progress;
        if (calls.length === 0 || !toolbox) return;
        working?.();
        const told = await Promise.all(calls.map((call) => toolbox.run(call, signal)));
        if (signal.aborted) return;
        progress.before.push(...exchange(said, calls, told));
        progress.said = '';
        if (said !== '' && !/\s$/.test(said)) yield ' ';
      }
    },
  };
}

/** What a server may not know, with less each time; what it has refused once is not asked for again, but for the image: the next may be another matter. */
function extrasOf(toolbox: Toolbox | undefined, knows: Knows, mayCall: boolean, hasImage: boolean): Extras[] {
  const offered = toolbox && { tools: toolbox.tools.map(definition), ...(mayCall ? {} : { tool_choice: 'none' }) };
  const withTools = offered && knows.tools ? [offered, undefined] : [undefined];
  const withUsage = withTools.flatMap((tools) => (knows.usage ? [true, false] : [false]).map((usage) => ({ usage, tools })));
  return withUsage.flatMap((extras) => (hasImage ? [true, false] : [false]).map((image) => ({ ...extras, image })));
}

interface Extras {
  readonly usage: boolean;
  readonly tools: object | undefined;
  readonly image: boolean;
}

interface Knows {
  readonly usage: boolean;
  readonly tools: boolean;
}

/** What servers say that have no model that sees, besides a refusal: no such endpoint (OpenRouter), an error of their own (llama.cpp), one in the stream. */
const isBlindness = (error: unknown): boolean =>
  error instanceof APIError &&
  !(error instanceof APIConnectionError) &&
  [undefined, 404, 500, 501].includes(error.status as number);

const withoutImage = ({ image: _, ...prompt }: Prompt): Prompt => prompt;

const definition = ({ name, description, parameters }: Tool): OpenAI.ChatCompletionTool => ({
  type: 'function',
  function: { name, description, parameters },
});

async function* read(stream: AsyncIterable<unknown>, answer: Answer): AsyncGenerator<string> {
  for await (const data of stream) {
    const chunk = Chunk.safeParse(data);
    if (!chunk.success) throw new Broken('garbage', 'its answer is no chat completion');
    const choice = chunk.data.choices?.[0];
    const text = choice?.delta?.content ?? choice?.delta?.refusal ?? '';
    answer.text += text;
    answer.finish = choice?.finish_reason ?? answer.finish;
    answer.usage = chunk.data.usage ?? answer.usage;
    for (const part of choice?.delta?.tool_calls ?? []) collect(part, answer.calls);
    yield text;
  }
}

/** A call begins with its name; what has none goes on with the arguments of one. */
function collect({ index, id, function: part }: z.infer<typeof CallPart>, calls: Answer['calls']): void {
  const known = typeof index !== 'number' ? (part?.name ? undefined : calls.at(-1)) : calls[index];
  if (known) known.args += part?.arguments ?? '';
  else if (calls.length < MAX_CALLS)
    calls.push({ id: id ?? `call_${String(calls.length)}`, name: part?.name ?? '', args: part?.arguments ?? '' });
}

/** Whether an answer that ended is one: some servers never say that it is finished, and a proxy may end one that is not. */
function judge({ text, finish }: Answer, said: string): void {
  if (finish === 'content_filter' && (said + text).trim() === '') throw new Broken('refused', 'its filter kept the answer back');
  if ((said + text).trim() === '') throw new Broken('garbage', 'its answer holds nothing');
  if (finish !== undefined) return;
  if (!/[.!?…。！？:;)"'”’»\]]\s*$/u.test(text)) throw new Broken('cut', 'its answer was cut off');
}
