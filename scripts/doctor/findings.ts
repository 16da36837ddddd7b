/** One thing the doctor looked at. */
export interface Finding {
  readonly name: string;
  /** `missing` keeps the server from starting; `absent` only takes something optional away. */
  readonly state: 'ok' | 'absent' | 'missing';
  readonly detail: string;
  /** What to do about it. */
  readonly fix?: string;
}

export const ok = (name: string, detail: string): Finding => ({ name, state: 'ok', detail });
export const missing = (name: string, detail: string, fix: string): Finding => ({ name, state: 'missing', detail, fix });
export const absent = (name: string, detail: string, fix: string): Finding => ({ name, state: 'absent', detail, fix });

const SIGNS = { ok: '✔', absent: '–', missing: '✘' } as const;

/** The findings as lines for a terminal. */
export function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings
    .flatMap(({ name, state, detail, fix }) => [
      `${SIGNS[state]} ${name.padEnd(width)}  ${detail}`,
      ...(fix ? [`  ${' '.repeat(width)}  → ${fix}`] : []),
    ])
    .join('\n');
}
