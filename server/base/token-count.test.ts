import { expect, it } from 'vitest';
import { tokensIn } from './token-count.ts';

// What OpenAI's o200k_base makes of them, counted with gpt-tokenizer 4.0.0.
it.each([
  ['', 0],
  ['Hello there, how are you today?', 8],
  ['Der schnelle braune Fuchs springt über den faulen Hund.', 14],
  ['今日はとても良い天気ですね。', 9],
])('counts %j rather too high than too low', (text, exact) => {
  expect(tokensIn(text)).toBeGreaterThanOrEqual(exact);
  expect(tokensIn(text)).toBeLessThanOrEqual(exact * 2);
});
