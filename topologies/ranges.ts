import ipaddr from 'ipaddr.js';

/** Ranges of addresses as first and last number, so that overlap is two comparisons for IPv4 and IPv6 alike. */
export interface AddressRange {
  readonly family: 'ipv4' | 'ipv6';
  readonly first: bigint;
  readonly last: bigint;
}

export function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
}

/** True for `ADDRESS/PREFIX` whose host bits are all zero: `10.0.0.7/24` is more often a mistake than a wish. */
export function isRange(text: string): boolean {
  const range = parseRange(text);
  return range !== undefined && toNumber(ipaddr.parse(text.slice(0, text.indexOf('/')))) === range.first;
}

/** Undefined when `text` is not `ADDRESS/PREFIX`. Host bits are cleared. */
export function parseRange(text: string): AddressRange | undefined {
  const slash = text.indexOf('/');
  const prefixText = text.slice(slash + 1);
  if (slash < 0 || !isAddress(text.slice(0, slash)) || !/^\d{1,3}$/.test(prefixText)) return undefined;
  const address = ipaddr.parse(text.slice(0, slash));
  const bits = address.kind() === 'ipv4' ? 32 : 128;
  const prefix = Number(prefixText);
  if (prefix > bits) return undefined;
  const size = 1n << BigInt(bits - prefix);
  const first = (toNumber(address) / size) * size;
  return { family: address.kind(), first, last: first + size - 1n };
}

export function rangesOverlap(left: AddressRange, right: AddressRange): boolean {
  return left.family === right.family && left.first <= right.last && right.first <= left.last;
}

/** False for a host name: where it leads is not known here. */
export function rangeContains(range: AddressRange, text: string): boolean {
  if (!isAddress(text)) return false;
  const address = ipaddr.parse(text);
  const value = toNumber(address);
  return address.kind() === range.family && range.first <= value && value <= range.last;
}

/** The address `offset` above the range's first one, e.g. 10.0.0.10 for 10.0.0.0/24 and 10. Undefined when outside. */
export function addressInRange(range: AddressRange, offset: number): string | undefined {
  const value = range.first + BigInt(offset);
  if (value > range.last) return undefined;
  const bytes = range.family === 'ipv4' ? 4 : 16;
  const octets = Array.from({ length: bytes }, (_, index) =>
    Number((value >> BigInt(8 * (bytes - 1 - index))) & 0xffn),
  );
  return ipaddr.fromByteArray(octets).toString();
}

function toNumber(address: ipaddr.IPv4 | ipaddr.IPv6): bigint {
  return address.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}
