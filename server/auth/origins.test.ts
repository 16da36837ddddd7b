import { expect, test } from 'vitest';
import { isAllowedOrigin } from './origins.ts';

test('our own name, the public one and configured ones are allowed; nothing else, and nothing that only looks alike', () => {
  const origins = { publicUrl: 'https://avatar.example', allowedOrigins: ['https://app.example'] };
  const allowed = (origin: string) => isAllowedOrigin(origin, 'localhost:3000', origins);
  for (const origin of ['http://localhost:3000', 'https://avatar.example', 'https://app.example'])
    expect(allowed(origin)).toBe(true);
  const others = [
    'null',
    '',
    'http://localhost:3001',
    'http://localhost',
    'https://app.example.evil',
    'http://app.example',
    'file://',
  ];
  for (const origin of others) expect(allowed(origin)).toBe(false);
  expect(isAllowedOrigin('https://any.example', 'x', { publicUrl: undefined, allowedOrigins: ['*'] })).toBe(true);
});
