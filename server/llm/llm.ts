import type { Still } from '#base/media.ts';
import type { Spend } from '#base/usage.ts';

/** One conversation so far, oldest first, ending with the user's message. */
export interface Prompt {
  readonly system: string;
  readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly content: string }[];
  /** BCP 47. */
  readonly language: string;
  /** What the user shows with that message; only for a model that sees. */
  readonly image?: Still | undefined;
}

/**
 * A language model. Streams its reply in pieces of any size; aborting `signal` ends the stream quietly and frees the provider's connection.
 * One that costs something tells `spend` what was used, one that asks the server for something tells `working` each time, and one that doesn't take
 * the image answers without it and tells `unseen`.
 */
export interface Llm {
  readonly name: string;
  /** It takes images; it only reads when left out. */
  readonly sees?: boolean;
  complete(prompt: Prompt, signal: AbortSignal, spend?: Spend, working?: () => void, unseen?: () => void): AsyncIterable<string>;
}
