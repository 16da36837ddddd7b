import { readFileSync, readdirSync } from 'node:fs';

/** Process ids of the children of `pid`, of all its threads (proc(5)); only those whose command name starts with `name`, if given. */
export function children(pid: number, name = ''): number[] {
  const tasks = readdirSync(`/proc/${String(pid)}/task`);
  const ids = tasks.flatMap((task) =>
    readFileSync(`/proc/${String(pid)}/task/${task}/children`, 'utf8')
      .trim()
      .split(/\s+/),
  );
  return ids
    .filter(Boolean)
    .map(Number)
    .filter((id) => readFileSync(`/proc/${String(id)}/comm`, 'utf8').startsWith(name));
}
