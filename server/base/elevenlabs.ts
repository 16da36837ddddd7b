import type { FailureKind } from './failure.ts';

/** @param settings what is named in a request, and may not exist */
export function elevenLabsAdvice(kind: FailureKind, settings: string): string | undefined {
  switch (kind) {
    case 'wrong_key':
      return 'Check ELEVENLABS_API_KEY.';
    case 'quota':
      return 'The plan of ELEVENLABS_API_KEY does not include it, or is used up.';
    case 'not_found':
      return `Check ${settings} and ELEVENLABS_BASE_URL.`;
    case 'unreachable':
      return 'Check ELEVENLABS_BASE_URL and the network.';
    default:
      return undefined;
  }
}
