import { expect, test } from 'vitest';
import { addressKey, clientAddress, isRange, trusting } from './addresses.ts';

test('one client: an IPv4 address however it is written, an IPv6 /64 however it is written', () => {
  expect(addressKey('192.0.2.7')).toBe('192.0.2.7');
  expect(addressKey('::ffff:192.0.2.7')).toBe('192.0.2.7');
  expect(addressKey('::ffff:c000:207')).toBe('192.0.2.7');
  const home = ['2001:db8:1:2::1', '2001:DB8:1:2:ffff:ffff:ffff:ffff', '2001:0db8:0001:0002::1%eth0'];
  expect(new Set(home.map(addressKey))).toEqual(new Set(['2001:db8:1:2::/64']));
  expect(addressKey('2001:db8:1:3::1')).not.toBe(addressKey('2001:db8:1:2::1'));
  expect(addressKey('::1')).toBe('0:0:0:0::/64');
  expect(addressKey('x'.repeat(1_000))).toHaveLength(64);
});

test('X-Forwarded-For counts only as far as trusted proxies have written it', () => {
  const trusts = trusting(['10.0.0.0/8', '127.0.0.1', 'fd00::/8']);
  expect(clientAddress('192.0.2.7', '198.51.100.1', trusts)).toBe('192.0.2.7');
  expect(clientAddress('10.0.0.1', '198.51.100.1', trusts)).toBe('198.51.100.1');
  expect(clientAddress('::ffff:10.0.0.1', '198.51.100.1', trusts)).toBe('198.51.100.1');
  expect(clientAddress('127.0.0.1', '6.6.6.6, 198.51.100.1, fd00::2', trusts)).toBe('198.51.100.1');
  expect(clientAddress('127.0.0.1', ['6.6.6.6', '198.51.100.1'], trusts)).toBe('198.51.100.1');
  expect(clientAddress('10.0.0.1', undefined, trusts)).toBe('10.0.0.1');
  expect(clientAddress('10.0.0.1', '10.0.0.2', trusts)).toBe('10.0.0.2');
  expect(clientAddress('127.0.0.1', '198.51.100.1', trusting([]))).toBe('127.0.0.1');
});

test('ranges: addresses with or without a prefix that fits', () => {
  for (const good of ['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', '0.0.0.0/0']) expect(isRange(good), good).toBe(true);
  for (const bad of ['', 'true', 'proxy', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', '/8', '1'])
    expect(isRange(bad), bad).toBe(false);
});
