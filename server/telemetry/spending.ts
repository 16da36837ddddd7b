import type { Usage } from '#base/usage.ts';
import type { Metrics } from './metrics.ts';

/** USD per million of each, and per hour of sound for `stt`; undefined where nobody said. */
export interface Prices {
  readonly llm: { readonly input: number; readonly output: number } | undefined;
  readonly tts: number | undefined;
  readonly stt: number | undefined;
}

/** What an utterance or more used so far. */
export interface Spent {
  inputTokens?: number;
  outputTokens?: number;
  characters?: number;
  /** Of sound that was listened to. */
  seconds?: number;
  /** Only of what has a price. */
  usd?: number;
}

/** Counts what providers used in metrics, and what it costs where prices are known. */
export class Spending {
  readonly #prices: Prices;
  readonly #metrics: Metrics;

  constructor(prices: Prices, metrics: Metrics) {
    this.#prices = prices;
    this.#metrics = metrics;
  }

  /** Adds `usage` to `spent`, too. */
  add(usage: Usage, spent: Spent): void {
    const { provider } = usage;
    for (const [name, kind] of KINDS) {
      const amount = name in usage ? (usage as Spent)[name] : undefined;
      if (amount === undefined) continue;
      this.#metrics.providerUsage.inc({ provider, kind }, amount);
      spent[name] = (spent[name] ?? 0) + amount;
    }
    const usd = this.#cost(usage);
    if (usd === undefined) return;
    this.#metrics.providerCost.inc({ provider }, usd);
    spent.usd = (spent.usd ?? 0) + usd;
  }

  #cost(usage: Usage): number | undefined {
    const { llm, tts, stt } = this.#prices;
    if (usage.part === 'tts') return tts === undefined ? undefined : (usage.characters * tts) / 1e6;
    if (usage.part === 'stt') return stt === undefined ? undefined : (usage.seconds * stt) / 3_600;
    return llm && (usage.inputTokens * llm.input + usage.outputTokens * llm.output) / 1e6;
  }
}

const KINDS = [
  ['inputTokens', 'input_tokens'],
  ['outputTokens', 'output_tokens'],
  ['characters', 'characters'],
  ['seconds', 'seconds'],
] as const;
