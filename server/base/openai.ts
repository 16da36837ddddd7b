import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from 'openai';
import type { Clock } from './clock.ts';
import { failureOfError, failureOfStatus, retryAfterOf, type Failure, type FailureKind } from './failure.ts';

const PUBLIC = 'https://api.openai.com/v1';

export interface OpenAiAccess {
  readonly apiKey: string | undefined;
  /** Undefined = OpenAI's own. */
  readonly baseUrl: string | undefined;
}

/** OpenAI's SDK as it is used here: it neither tries again nor gives up by itself, and logs nothing. */
export function openAiClient({ apiKey, baseUrl = PUBLIC }: OpenAiAccess): OpenAI {
  return new OpenAI({
    // Servers of one's own mostly want none, but the SDK wants one.
    apiKey: apiKey ?? 'none',
    baseURL: baseUrl,
    organization: null,
    project: null,
    maxRetries: 0,
    timeout: 2 ** 30,
    logLevel: 'off',
  });
}

/** What an error of the SDK means. Nothing of what the provider wrote is taken over but its code: it may repeat parts of the key. */
export function openAiFailure(thrown: unknown, begun: boolean, clock: Clock): Failure {
  if (!(thrown instanceof APIError) || thrown instanceof APIConnectionError || thrown instanceof APIUserAbortError)
    return failureOfError(thrown, begun);
  const { status, headers, code, type } = thrown as APIError;
  const detail = [code, type].find((word) => typeof word === 'string' && /^[\w.-]{1,60}$/.test(word)) ?? '';
  // An error object inside a stream has no status of its own.
  if (status === undefined) return { kind: 'overloaded', because: `it reported an error${detail ? ` (${detail})` : ''}` };
  const ms = Number(headers?.get('retry-after-ms') ?? Number.NaN);
  const retryAfter = Number.isFinite(ms) ? ms : retryAfterOf(headers?.get('retry-after'), clock.wall());
  return failureOfStatus({ status, detail, retryAfter });
}

export function openAiAdvice(kind: FailureKind, model: string): string | undefined {
  switch (kind) {
    case 'wrong_key':
      return 'Check OPENAI_API_KEY.';
    case 'quota':
      return 'The account of OPENAI_API_KEY has no credit left.';
    case 'not_found':
      return `Check ${model} and OPENAI_BASE_URL.`;
    case 'unreachable':
      return 'Check OPENAI_BASE_URL and the network.';
    default:
      return undefined;
  }
}
