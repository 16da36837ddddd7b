import type { OpenAI } from 'openai';
import type { Still } from '#base/media.ts';
import { tokensIn } from '#base/token-count.ts';
import type { Prompt } from './llm.ts';
import type { Call } from './tools/toolbox.ts';

export type Message = OpenAI.ChatCompletionMessageParam;

const GO_ON = 'Your answer was cut off there. Go on exactly where it stopped, and repeat nothing.';
/** About what a model makes of the largest image that is taken. */
const TOKENS_PER_IMAGE = 1_000;

/** What it is asked: the conversation, what tools said `before`, and what it has `said` of an answer that was cut off. */
export function messagesOf({ messages, image, ...prompt }: Prompt, before: readonly Message[], said: string): Message[] {
  const cut: Message[] = [
    { role: 'assistant', content: said },
    { role: 'user', content: GO_ON },
  ];
  const asked = messages.map((message, at): Message => {
    return image && at === messages.length - 1 ? { role: 'user', content: shown(message.content, image) } : message;
  });
  return [{ role: 'system', content: instructionsOf(prompt) }, ...asked, ...before, ...(said.trim() === '' ? [] : cut)];
}

const shown = (text: string, { jpeg }: Still): OpenAI.ChatCompletionContentPart[] => [
  { type: 'text', text },
  { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}` } },
];

/** Models answer in English unless something tells them otherwise. */
function instructionsOf({ system, language }: Pick<Prompt, 'system' | 'language'>): string {
  if (/^en\b/i.test(language)) return system;
  return `${system}\n\nAnswer in ${new Intl.DisplayNames(['en'], { type: 'language' }).of(language) ?? language}.`.trim();
}

/** A round with tools, as the model is told of it. */
export function exchange(said: string, calls: readonly Call[], told: readonly string[]): Message[] {
  const tool_calls = calls.map(({ id, name, args }) => ({ id, type: 'function' as const, function: { name, arguments: args } }));
  return [
    { role: 'assistant', content: said === '' ? null : said, tool_calls },
    ...calls.map(({ id }, at): Message => ({ role: 'tool', tool_call_id: id, content: told[at] ?? '' })),
  ];
}

/** About how many tokens they are. */
export function tokensOf(messages: readonly Message[]): number {
  const contents = messages.map(({ content }) => content ?? '');
  const parts = contents.flatMap((content): readonly { type: string; text?: string }[] =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : content,
  );
  const images = parts.filter(({ type }) => type === 'image_url').length;
  return tokensIn(parts.map(({ text = '' }) => text).join('\n')) + images * TOKENS_PER_IMAGE;
}
