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
import type { Tool } from './tools/tool.ts';
import type { Call, Toolbox } from './tools/toolbox.ts';
import { wholeWords } from './whole-words.ts';

const NAME = 'openai';
/** Times a reply may ask for tools, and how many at once. */
const MAX_ROUNDS = 4;
const MAX_CALLS = 8;
const GO_ON = 'Your answer was cut off there. Go on exactly where it stopped, and repeat nothing.';

export interface OpenAiLlmOptions extends OpenAiAccess {
  readonly model: string;
  readonly patience: Patience;
  readonly clock: Clock;
  readonly failed: (kind: FailureKind) => void;
  readonly openFor?: number;
  /** What it may ask the server for. */
  readonly toolbox?: Toolbox | undefined;
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

type Message = OpenAI.ChatCompletionMessageParam;

/** Where a reply is: what was said in it since a tool was last asked, and what tools were asked and said. */
interface Progress {
  said: string;
  readonly before: Message[];
  calls: readonly Call[];
  /** Whether it may still ask for one. */
  mayCall: boolean;
}

/**
 * OpenAI's chat completions, or those of a server that speaks like it (Ollama, vLLM, llama.cpp). An answer that is cut off is gone on with: the
 * model is told what it said so far, and what it repeats of that is left out.
 */
export function openAiLlm(options: OpenAiLlmOptions): Llm {
  const { model, patience, clock, failed, openFor, toolbox } = options;
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

  async function open(messages: Message[], mayCall: boolean, signal: AbortSignal): Promise<AsyncIterable<unknown>> {
    const request = { model, messages, stream: true } as const;
    const extras = extrasOf(toolbox, knows, mayCall);
    for (const [at, { usage, tools }] of extras.entries()) {
      try {
        const asked = { ...request, ...(usage ? { stream_options: { include_usage: true } } : {}), ...(tools ?? {}) };
        const stream = await client.chat.completions.create(asked, { signal });
        knows = { usage, tools: knows.tools && (tools !== undefined || !toolbox) };
        return stream;
      } catch (error) {
        if (at === extras.length - 1 || openAiFailure(error, false, clock).kind !== 'refused') throw error;
      }
    }
    throw new Broken('refused', 'it takes no request');
  }

  async function* ask(prompt: Prompt, progress: Progress, signal: AbortSignal, spend?: Spend): AsyncGenerator<string> {
    const { said, before, mayCall } = progress;
    const messages = messagesOf(prompt, before, said);
    const answer: Answer = { text: '', finish: undefined, usage: undefined, calls: [] };
    progress.calls = answer.calls;
    const stream = await open(messages, mayCall, signal);
    try {
      yield* continued(wholeWords(read(stream, answer)), said);
    } finally {
      const { usage } = answer;
      const inputTokens = usage?.prompt_tokens ?? tokensIn(messages.map(textOf).join('\n'));
      const outputTokens = usage?.completion_tokens ?? tokensIn(answer.text + answer.calls.map(({ args }) => args).join(''));
      spend?.({ part: 'llm', provider: NAME, inputTokens, outputTokens });
    }
    if (answer.calls.length === 0) judge(answer, said);
  }

  return {
    name: NAME,
    async *complete(prompt, signal, spend, working) {
      const progress: Progress = { said: '', before: [], calls: [], mayCall: true };
      for (let round = 1; ; round += 1) {
        progress.mayCall = round <= MAX_ROUNDS;
        for await (const piece of provider.stream((stop) => ask(prompt, progress, stop, spend), signal)) {
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

/** What a server may not know, with less each time; what it has refused once is not asked for again. */
function extrasOf(toolbox: Toolbox | undefined, knows: Knows, mayCall: boolean): { usage: boolean; tools: object | undefined }[] {
  const offered = toolbox && { tools: toolbox.tools.map(definition), ...(mayCall ? {} : { tool_choice: 'none' }) };
  const withTools = offered && knows.tools ? [offered, undefined] : [undefined];
  return withTools.flatMap((tools) => (knows.usage ? [true, false] : [false]).map((usage) => ({ usage, tools })));
}

interface Knows {
  readonly usage: boolean;
  readonly tools: boolean;
}

const definition = ({ name, description, parameters }: Tool): OpenAI.ChatCompletionTool => ({
  type: 'function',
  function: { name, description, parameters },
});

const textOf = ({ content }: Message): string => (typeof content === 'string' ? content : JSON.stringify(content ?? ''));

/** A round with tools, as the model is told of it. */
function exchange(said: string, calls: readonly Call[], told: readonly string[]): Message[] {
  const tool_calls = calls.map(({ id, name, args }) => ({ id, type: 'function' as const, function: { name, arguments: args } }));
  return [
    { role: 'assistant', content: said === '' ? null : said, tool_calls },
    ...calls.map(({ id }, at): Message => ({ role: 'tool', tool_call_id: id, content: told[at] ?? '' })),
  ];
}

/** Models answer in English unless something tells them otherwise. */
function instructionsOf({ system, language }: Prompt): string {
  if (/^en\b/i.test(language)) return system;
  return `${system}\n\nAnswer in ${new Intl.DisplayNames(['en'], { type: 'language' }).of(language) ?? language}.`.trim();
}

function messagesOf(prompt: Prompt, before: readonly Message[], said: string): Message[] {
  const cut = [
    { role: 'assistant' as const, content: said },
    { role: 'user' as const, content: GO_ON },
  ];
  const system = { role: 'system' as const, content: instructionsOf(prompt) };
  return [system, ...prompt.messages, ...before, ...(said.trim() === '' ? [] : cut)];
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
