import { expect, it } from 'vitest';
import { Circuit, type Verdict } from './circuit.ts';

const OPEN_FOR = 400;
const settle = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function call(circuit: Circuit, word: keyof Verdict): Promise<boolean> {
  const verdict = circuit.admit();
  verdict?.[word]();
  await settle();
  return verdict !== undefined;
}

async function broken(): Promise<Circuit> {
  const circuit = new Circuit(OPEN_FOR);
  for (let n = 0; n < 5; n += 1) expect(await call(circuit, 'failed')).toBe(true);
  return circuit;
}

it('opens after five failures in a row, not for scattered ones nor for callers who left', async () => {
  const circuit = new Circuit(OPEN_FOR);
  for (let n = 0; n < 40; n += 1) expect(await call(circuit, n % 5 === 4 ? 'succeeded' : 'failed')).toBe(true);
  for (let n = 0; n < 20; n += 1) expect(await call(circuit, 'abandoned')).toBe(true);
  expect((await broken()).admit()).toBeUndefined();
});

it('is tried by one call at a time, whose first answer closes it for all', async () => {
  const circuit = await broken();
  await settle(OPEN_FOR + 10);
  const trying = circuit.admit();
  expect(trying).toBeDefined();
  expect(circuit.admit()).toBeUndefined();
  trying?.answered();
  await settle();
  expect(await call(circuit, 'succeeded')).toBe(true);
});

it('stays open when that call fails; when its caller leaves, the next failure opens it', async () => {
  const circuit = await broken();
  await settle(OPEN_FOR + 10);
  expect(await call(circuit, 'failed')).toBe(true);
  expect(circuit.admit()).toBeUndefined();
  await settle(OPEN_FOR + 10);
  expect(await call(circuit, 'abandoned')).toBe(true);
  expect(await call(circuit, 'failed')).toBe(true);
  expect(circuit.admit()).toBeUndefined();
});
