import { expect, it } from 'vitest';
import { apologyFor } from './apology.ts';

it('apologises in the language of the session, or else in English', () => {
  expect(apologyFor('llm', 'en')).toMatch(/^I am sorry/);
  expect(apologyFor('llm', 'de-AT')).toMatch(/^Entschuldigung/);
  expect(apologyFor('llm', 'PT-br')).toMatch(/^Desculpe/);
  for (const language of ['xx', 'constructor', '']) expect(apologyFor('llm', language)).toBe(apologyFor('llm', 'en'));
});

it('says that it is the voice in English, which is all that the other voice speaks', () => {
  expect(apologyFor('tts', 'de')).toMatch(/^I am sorry, my own voice/);
});
