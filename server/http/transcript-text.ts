import type { Turn } from '#protocol/http.ts';
import { SHOWN } from '#server/sessions/history.ts';

/** What is known of who said what, and when (Unix ms). */
interface Line {
  readonly who: string;
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** A line read at once is shown so long at least, ms. */
const SHORTEST = 1_500;

/** Who said what when, a line each; times are UTC. @param avatar its name */
export function asText(turns: readonly Turn[], avatar: string): string {
  return linesOf(turns, avatar)
    .map(({ who, text, from }) => `[${new Date(from).toISOString().slice(0, 19).replace('T', ' ')}] ${who}: ${text}\n`)
    .join('');
}

/** The same as WebVTT, from the first word on. */
export function asVtt(turns: readonly Turn[], avatar: string): string {
  const lines = linesOf(turns, avatar);
  const start = lines[0]?.from ?? 0;
  const cues = lines.map(
    ({ who, text, from, to }) => `${time(from - start)} --> ${time(to - start)}\n<v ${escaped(who)}>${escaped(text)}\n`,
  );
  return ['WEBVTT', '', ...cues].join('\n');
}

function linesOf(turns: readonly Turn[], avatar: string): Line[] {
  return turns.flatMap(({ mode, prompt, image, spoken, state, askedAt, startedAt, endedAt }) => {
    const from = startedAt ?? askedAt;
    const shown = image ? ` ${SHOWN[image]}` : '';
    const asked = { who: mode === 'say' ? 'You (to be said)' : 'You', text: `${flat(prompt ?? '')}${shown}`, from: askedAt };
    const mark = state === 'interrupted' ? ' [interrupted]' : state === 'failed' ? ' [failed]' : '';
    const said = { who: avatar, text: `${flat(spoken)}${mark}`.trim(), from, to: Math.max(endedAt ?? 0, from + SHORTEST) };
    return [
      ...(prompt === undefined ? [] : [{ ...asked, to: Math.max(from, askedAt + SHORTEST) }]),
      ...(said.text === '' ? [] : [said]),
    ];
  });
}

const flat = (text: string): string => text.replace(/\s+/g, ' ').trim();

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function time(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1_000) % 60)}.${String(Math.floor(ms % 1_000)).padStart(3, '0')}`;
}
