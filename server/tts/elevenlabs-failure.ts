import { ElevenLabsError } from '@elevenlabs/elevenlabs-js';
import type { Clock } from '#base/clock.ts';
import { failureOfError, failureOfStatus, retryAfterOf, type Failure } from '#base/failure.ts';

/** The plan lacks an output format; ElevenLabs has used both words. */
const NO_FORMAT = /^(output_format_not_allowed|subscription_required)$/;

/** What an error of the SDK means. Of what the provider wrote only its code is taken over. */
export function elevenLabsFailure(thrown: unknown, begun: boolean, clock: Clock): Failure {
  if (!(thrown instanceof Error)) return failureOfError(thrown, begun);
  // The SDK's own words for an answer that is no JSON or has another shape.
  if (/^(Parse|Json)Error$/.test(thrown.constructor.name)) return { kind: 'garbage', because: 'its answer can not be read' };
  if (!(thrown instanceof ElevenLabsError)) return failureOfError(thrown, begun);
  const { statusCode: status, rawResponse } = thrown;
  if (status === undefined) return failureOfError(thrown.cause ?? thrown, begun);
  const detail = codeOf(thrown);
  if (/not_found/.test(detail)) return { kind: 'not_found', because: `it answered ${status} (${detail})` };
  return failureOfStatus({ status, detail, retryAfter: retryAfterOf(rawResponse?.headers.get('retry-after'), clock.wall()) });
}

export const lacksFormat = (thrown: unknown): boolean => thrown instanceof ElevenLabsError && NO_FORMAT.test(codeOf(thrown));

/** `{detail: {status: "quota_exceeded", message: "…"}}`, as far as it is a plain word. */
function codeOf({ body }: ElevenLabsError): string {
  const detail = fieldOf(body, 'detail');
  const words = [fieldOf(detail, 'status'), fieldOf(detail, 'code')];
  return words.find((word): word is string => typeof word === 'string' && /^[\w.-]{1,60}$/.test(word)) ?? '';
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined;
