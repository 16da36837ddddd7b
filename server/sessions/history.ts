import { tokensIn } from '#base/token-count.ts';
import type { CreateSession, ImageFate, Turn } from '#protocol/http.ts';
import type { Prompt } from '#server/llm/llm.ts';

/** What the model is told of a session that brings no prompt of its own. */
export const DEFAULT_SYSTEM =
  'You are a friendly talking avatar. You are heard, not read: answer in a few short spoken sentences, without markup, lists or emoji.';
/** One session as it is kept. */
export interface KeptSession {
  readonly id: string;
  readonly request: CreateSession;
  /** Unix ms. */
  readonly createdAt: number;
}

/** What the process before left. */
export interface Recovered {
  /** Those that are not over, oldest first. */
  readonly sessions: readonly KeptSession[];
  /** Ids of the newest that are. */
  readonly ended: readonly string[];
}

/**
 * Where sessions and their turns are kept. A change is durable once its promise resolves; changes take effect in the order of their calls.
 * Everything rejects with AvatarError `storage_failed`, its `details.kind` saying why: `full`, `readonly`, `io`, `busy` or `other`.
 */
export interface History {
  recover(): Promise<Recovered>;
  /** Nothing happens for one that is kept already. */
  begin(session: KeptSession): Promise<void>;
  /** Adds the turn, or replaces the one with its `utteranceId`. Its session must have begun. */
  save(sessionId: string, turn: Turn): Promise<void>;
  /** The newest `KEPT_TURNS`, oldest first. */
  turns(sessionId: string): Promise<readonly Turn[]>;
  /** @param at Unix ms */
  end(sessionId: string, reason: string, at: number): Promise<void>;
  /** Forgets some of the sessions that ended before `before` (Unix ms), with their turns, and says how many; 0 when none are left. */
  prune(before: number): Promise<number>;
  /** Resolves once all that was asked for is done. Idempotent. */
  close(): Promise<void>;
}

/** Most turns kept of one session; older ones are forgotten. */
export const KEPT_TURNS = 500;
/** Ended sessions that are remembered at start, so that their users are told that they are over. */
export const KEPT_ENDED = 1_000;

/** How an answer ends that the user talked into. */
const CUT = '…';
/** Said with the instructions, since what stands in an answer is spoken the next time. */
const ON_CUTS = `An answer of yours that ends in "${CUT}" was cut off there by the user, who heard no more of it.`;

/** What is left in a conversation of an image that was shown. */
export const SHOWN: Readonly<Record<ImageFate, string>> = {
  seen: '[an image was shown]',
  missed: '[an image was shown, which did not arrive]',
  refused: '[an image was shown, which could not be seen]',
};

/** What a message costs besides its text, tokens. */
const PER_MESSAGE = 4;

/**
 * The conversation as it was really heard, ending with `text`: what was cut off before it was spoken is not in it, and that it was cut off is. Of the turns before, only the
 * newest, each whole, that fit into `budget` tokens with the system prompt and `text`, which are always there.
 */
export function messages(past: readonly Turn[], text: string, system: string, budget: number): Prompt['messages'] {
  const asked = { role: 'user' as const, content: text };
  let left = budget - costOf([{ content: system }, asked]);
  const heard: Prompt['messages'][] = [];
  for (const turn of past.toReversed()) {
    const said = messagesOf(turn);
    left -= costOf(said);
    if (left < 0) break;
    heard.unshift(said);
  }
  return [...heard.flat(), asked];
}

/** The system prompt for those messages. */
export function instructions(system: string, said: Prompt['messages']): string {
  const isCut = said.some(({ role, content }) => role === 'assistant' && content.endsWith(CUT));
  return isCut ? `${system}\n\n${ON_CUTS}` : system;
}

function messagesOf({ mode, prompt, image, spoken, state }: Turn): Prompt['messages'] {
  if (spoken === '') return [];
  const content = state === 'interrupted' && !spoken.endsWith(CUT) ? `${spoken} ${CUT}` : spoken;
  const said = { role: 'assistant' as const, content };
  return mode === 'chat' && prompt !== undefined
    ? [{ role: 'user', content: image ? `${prompt}\n${SHOWN[image]}` : prompt }, said]
    : [said];
}

const costOf = (messages: readonly { readonly content: string }[]): number =>
  messages.reduce((sum, { content }) => sum + PER_MESSAGE + tokensIn(content), 0);
