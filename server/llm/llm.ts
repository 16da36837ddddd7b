import type { Spend } from '#base/usage.ts';

/** One conversation so far, oldest first, ending with the user's message. */
export interface Prompt {
  readonly system: string;
  readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly content: string }[];
  /** BCP 47. */
  readonly language: string;
}

/**
 * A language model. Streams its reply in pieces of any size; aborting `signal` ends the stream quietly and frees the provider's connection.
 * One that costs something tells `spend` what was used, and one that asks the server for something tells `working` each time.
 */
export interface Llm {
  readonly name: string;
  complete(prompt: Prompt, signal: AbortSignal, spend?: Spend, working?: () => void): AsyncIterable<string>;
}
