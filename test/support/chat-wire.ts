import { send, type Answer, type Pace } from './wire.ts';

export interface ChatPace extends Pace {
  /** Sent before the first piece of text. */
  readonly before?: readonly string[];
  /** Left out: 'stop'. */
  readonly finish?: string | null;
  readonly done?: boolean;
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number };
  /** Bytes per write; left out, an event per write. */
  readonly bytes?: number;
}

/** Server-sent events as OpenAI's chat completions stream them, a token per piece of `text`. */
export const chat =
  (text: string | readonly string[], pace: ChatPace = {}): Answer =>
  async (response) => {
    const tokens = typeof text === 'string' ? (text.match(/\s*\S+|\s+$/g) ?? []) : text;
    const events = [
      ...(pace.before ?? [data({ choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] })]),
      ...tokens.map((content) => data({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })),
      ...(pace.finish === null ? [] : [data({ choices: [{ index: 0, delta: {}, finish_reason: pace.finish ?? 'stop' }] })]),
      ...(pace.usage ? [data({ choices: [], usage: { ...pace.usage, total_tokens: 0 } })] : []),
      ...(pace.done === false ? [] : ['data: [DONE]\n\n']),
    ];
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    await send(response, pace.bytes === undefined ? events : pieces(events.join(''), pace.bytes), pace);
  };

export const data = (fields: Record<string, unknown>): string =>
  `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', ...fields })}\n\n`;

/** An error as OpenAI words it. */
export const chatError = (message: string, code: string | null, type = 'invalid_request_error') => ({
  error: { message, type, param: null, code },
});

function pieces(text: string, size: number): Uint8Array[] {
  const bytes = new TextEncoder().encode(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}
