import { expect, test } from 'vitest';
import { isAllowedOrigin, isOwnHost } from './origins.ts';

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
    'http://localhost.:3000',
    'http://localhost:3000/',
    'http://localhost:3000/path',
    'http://localhost:3000@evil.example',
    'http://evil.example@localhost:3000',
    'HTTP://LOCALHOST:3000',
    'ws://localhost:3000',
    'https://app.example.evil',
    'https://app.example.',
    'https://app.example:444',
    'https://APP.example',
    'https://sub.app.example',
    'http://app.example',
    'https://app.example, https://evil.example',
    'file://',
  ];
  for (const origin of others) expect(allowed(origin), origin).toBe(false);
  expect(isAllowedOrigin('https://any.example', 'x', { publicUrl: undefined, allowedOrigins: ['*'] })).toBe(true);
});

test('a host that is no name of ours is refused while anybody on this machine is trusted', () => {
  const origins = { publicUrl: 'https://avatar.example', allowedOrigins: [] };
  for (const host of ['localhost', 'LOCALHOST:3000', '127.0.0.1:3000', '127.1.2.3', '[::1]:3000', 'avatar.example', ''])
    expect(isOwnHost(host, origins, false), host).toBe(true);
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    'localhost.',
    '127.0.0.1.nip.io',
    'avatar.example:80',
    '10.0.0.1',
  ])
    expect(isOwnHost(host, origins, false), host).toBe(false);
  expect(isOwnHost('any.example', origins, true)).toBe(true);
});
