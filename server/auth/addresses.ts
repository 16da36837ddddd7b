import { BlockList, isIP } from 'node:net';

/** Whether what this peer says about who asked (X-Forwarded-For, -Host, -Proto) is believed. */
export type Trust = (address: string) => boolean;

/** An address or a range, such as "10.0.0.0/8" or "fd00::/8". */
export function isRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address) as 0 | 4 | 6];
  return rest.length === 0 && bits >= 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits));
}

/** Trusts the addresses in these ranges, and nobody when there are none. */
export function trusting(ranges: readonly string[]): Trust {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/');
    if (prefix === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(prefix), familyOf(address));
  }
  return (address) => isIP(address) !== 0 && list.check(address, familyOf(address));
}

/** Who asks: the peer itself, or behind trusted proxies the nearest address that none of them has. */
export function clientAddress(peer: string, forwardedFor: string | string[] | undefined, trusts: Trust): string {
  const named = [forwardedFor ?? []].flat().join(',').split(',');
  const path = [...named.map((address) => address.trim()).filter((address) => address !== ''), peer];
  return path.findLast((address) => !trusts(address)) ?? path[0] ?? peer;
}

/** What counts as one client: an IPv4 address, or the 64-bit prefix of an IPv6 address, since whoever has one has them all. */
export function addressKey(address: string): string {
  if (isIP(address) !== 6) return address.slice(0, 64);
  const groups = groupsOf(address.split('%', 1)[0] ?? '');
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** The eight groups of an IPv6 address, however it is written. */
function groupsOf(address: string): number[] {
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const read = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  if (tail === undefined) return read(head);
  const zeros = 8 - read(head).length - read(tail).length;
  return [...read(head), ...Array<number>(zeros).fill(0), ...read(tail)];
}
