import ipaddr from 'ipaddr.js';
import type { Checked } from '../../trust/contract.ts';

/**
 * Addresses and ranges, strictly: `ipaddr.js` also reads octal, hexadecimal and short IPv4 forms (`0177.1`) and zone
 * ids, which other programs read differently. Whoever reads an address differently than it was checked is the attack.
 */
export type IpAddress = ipaddr.IPv4 | ipaddr.IPv6;

export interface Cidr {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

const FOUR_DECIMALS = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/;
const IPV6_CHARACTERS = /^[0-9a-fA-F:.]+$/;

/** `undefined` when the text is not an address in its ordinary form. */
export function parseAddress(text: string): IpAddress | undefined {
  if (FOUR_DECIMALS.test(text)) return ipaddr.IPv4.isValid(text) ? ipaddr.IPv4.parse(text) : undefined;
  if (!text.includes(':') || !IPV6_CHARACTERS.test(text) || !ipaddr.IPv6.isValid(text)) return undefined;
  return ipaddr.IPv6.parse(text);
}

/** Reason `InvalidRange`. */
export function parseCidr(text: string): Checked<Cidr> {
  const [host = '', length = '', ...rest] = text.split('/');
  const address = parseAddress(host);
  const bitsMax = address?.kind() === 'ipv4' ? 32 : 128;
  const prefixLength = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (address === undefined || rest.length > 0 || !(prefixLength <= bitsMax)) {
    return {
      ok: false,
      reason: 'InvalidRange',
      message: `${JSON.stringify(text.slice(0, 80))} is not an address range`,
    };
  }
  return { ok: true, value: { address, prefixLength } };
}

/** Addresses of the other family are in no range. */
export function isInRange(address: IpAddress, range: Cidr): boolean {
  return address.kind() === range.address.kind() && address.match(range.address, range.prefixLength);
}

/** The IPv4 address in the last 32 bits, where NAT64 (RFC 6052, a prefix of 96 bits) puts it. */
export function embeddedIpv4(address: ipaddr.IPv6): ipaddr.IPv4 {
  return new ipaddr.IPv4(address.toByteArray().slice(12));
}
