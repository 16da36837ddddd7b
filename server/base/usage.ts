/** What one call of a provider used. Tokens are estimated where it was cut short or its provider doesn't say. */
export type Usage =
  | { readonly part: 'llm'; readonly provider: string; readonly inputTokens: number; readonly outputTokens: number }
  | { readonly part: 'tts'; readonly provider: string; readonly characters: number }
  /** Of sound. */
  | { readonly part: 'stt'; readonly provider: string; readonly seconds: number };

/** Told of each call, once it is over. */
export type Spend = (usage: Usage) => void;
