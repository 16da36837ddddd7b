import { sleep, type Clock } from '#base/clock.ts';
import { aborted } from '#base/lifetime.ts';
import type { Log } from '#base/log.ts';
import type { Tool } from './tool.ts';

/** A tool that the model wants, as it asked: its arguments are JSON, if the model has kept to it. */
export interface Call {
  readonly id: string;
  readonly name: string;
  readonly args: string;
}

/** What a model is told at most, characters: what is longer is nothing to be spoken of. */
const LONGEST = 4_000;

interface ToolboxOptions {
  readonly clock: Clock;
  readonly log: Log;
}

/** The tools that models have on this server. */
export class Toolbox {
  readonly tools: readonly Tool[];
  readonly #options: ToolboxOptions;

  constructor(tools: readonly Tool[], options: ToolboxOptions) {
    const names = tools.map(({ name }) => name);
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined) throw new Error(`There are two tools called ${twice}.`);
    this.tools = tools;
    this.#options = options;
  }

  /** What the model is told, also when something goes wrong: never rejects. Resolves at once when `signal` aborts. */
  async run({ name, args }: Call, signal: AbortSignal): Promise<string> {
    if (signal.aborted) return '';
    const found = this.tools.find((one) => one.name === name);
    if (!found) return failure(`There is no tool called "${name}"; there are ${this.tools.map((one) => one.name).join(', ')}.`);
    const { clock, log } = this.#options;
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const late = sleep(clock, found.timeout, until).then(() => failure('It took too long.'));
    try {
      const given: unknown = args.trim() === '' ? {} : JSON.parse(args);
      const told = await Promise.race([found.run(given, until), late, aborted(signal).then(() => '')]);
      return told.slice(0, LONGEST);
    } catch (error) {
      if (error instanceof SyntaxError) return failure('The arguments are no JSON.');
      if (!until.aborted) log.warn({ err: error, tool: name }, 'a tool failed');
      return failure(error instanceof Error ? error.message : 'It failed.');
    } finally {
      over.abort();
    }
  }
}

const failure = (why: string): string => JSON.stringify({ error: why.slice(0, 500) });
