const CENSOR = '[redacted]';
/** Deeper than this nothing is shown. */
const MAX_DEPTH = 64;

/** Names under which secrets travel: `token`, `client_secret`, `OPENAI_API_KEY`, `Authorization`, `Set-Cookie`, … */
const NAME = 'token|authorization|password|passwd|secret|api[-_]?key|credential|cookie';
const SECRET_NAME = new RegExp(`(${NAME})s?$`, 'i');
// Each of these reads a text once, whatever it is: clients write into the log too.
/** In addresses and forms: `?token=…`, `api_key=…`. */
const IN_QUERY = new RegExp(String.raw`(${NAME})=[^&\s"'\\<>#]+`, 'gi');
const IN_HEADER = /\b(Bearer|Basic) +[\w.~+/=-]{6,}/gi;
/** As model and voice providers write their keys. */
const KEY = /\bsk[-_][\w-]{8,200}/g;
/** `scheme://user:password@host` */
const USER_INFO = /:\/\/[^\s/@"'\\]+@/g;
/** A signed token (RFC 7519), wherever it stands. */
const JWT = /\beyJ[\w-]{4,2000}\.[\w-]{4,2000}(\.[\w-]*)?/g;

/** Cuts out of `text` what looks like a secret, and each of `known`, as it is and as an address would write it. */
export function redact(text: string, known: readonly string[] = []): string {
  const without = known.reduce(
    (rest, secret) => rest.replaceAll(secret, CENSOR).replaceAll(encodeURIComponent(secret), CENSOR),
    text,
  );
  return without
    .replace(JWT, CENSOR)
    .replace(KEY, CENSOR)
    .replace(IN_HEADER, `$1 ${CENSOR}`)
    .replace(IN_QUERY, `$1=${CENSOR}`)
    .replace(USER_INFO, `://${CENSOR}@`);
}

/** The same for all text in a line of JSON, at any depth, and for all text under the name of a secret. What is no JSON is text. */
export function redactJson(line: string, known: readonly string[] = []): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return redact(line, known);
  }
  return JSON.stringify(walk(value, known, { depth: 0, secret: false }));
}

interface Place {
  readonly depth: number;
  /** Below the name of a secret. */
  readonly secret: boolean;
}

function walk(value: unknown, known: readonly string[], { depth, secret }: Place): unknown {
  if (typeof value === 'string') {
    if (secret || depth > MAX_DEPTH) return CENSOR;
    // JSON in a string, as errors carry the bodies of requests.
    return /^\s*[[{]/.test(value) ? redactJsonIn(value, known, depth) : redact(value, known);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return CENSOR;
  const inside = (name: string): Place => ({ depth: depth + 1, secret: secret || SECRET_NAME.test(name) });
  if (Array.isArray(value)) return value.map((item) => walk(item, known, inside('')));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [redact(name, known), walk(item, known, inside(name))]));
}

function redactJsonIn(text: string, known: readonly string[], depth: number): string {
  try {
    return JSON.stringify(walk(JSON.parse(text), known, { depth: depth + 1, secret: false }));
  } catch {
    return redact(text, known);
  }
}
