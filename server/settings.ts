/** Settings whose part of the server does not exist yet, with what happens instead. */
const LATER: readonly [pattern: RegExp, instead: string][] = [
  [/^(ICE_SERVERS|TURN_SECRET)$/, 'STUN and TURN come later; viewers reach the media ports directly'],
  [/^S3_/, 'S3 comes later; HLS is served from memory'],
  [/^OTEL_EXPORTER_OTLP_ENDPOINT$/, 'tracing comes later'],
];

/** Prefixes nobody else uses on a usual machine. */
const OURS = /^(RTC|PATTERN|HLS|REDIS|FRAME_LINK|RENDER|OPENAI|ELEVENLABS|ICE|TURN|RENDERER|LLM|TTS|STT|AUTH|SESSION_IDLE)_/;

/** Warnings, never with values, for set variables that have no effect: known ones that come later, unknown ones of our family, and near misses. */
export function strangers(given: Readonly<Record<string, string>>, known: readonly string[]): string[] {
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .sort()
    .flatMap((name) => {
      const later = LATER.find(([pattern]) => pattern.test(name));
      if (later) return [`${name} has no effect: ${later[1]}.`];
      const meant = known.find((candidate) => isNearMiss(name, candidate));
      if (meant) return [`${name} is not a setting and has no effect; did you mean ${meant}?`];
      return OURS.test(name) ? [`${name} is not a setting and has no effect.`] : [];
    });
}

// Short names (PORT, HOST) have too many innocent neighbours.
const isNearMiss = (name: string, candidate: string): boolean =>
  candidate.length >= 8 && Math.abs(name.length - candidate.length) <= 2 && distance(name, candidate) <= 2;

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
