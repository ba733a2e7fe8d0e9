import type { Checked } from '../../trust/contract.ts';
import type { Cidr, IpAddress } from './cidr.ts';
import { embeddedIpv4, isInRange, parseAddress, parseCidr } from './cidr.ts';
import { isDnsName } from './ids.ts';

/**
 * Which addresses a remote gateway may have. Gateways dial what records name, so an address that means something else
 * on the dialling side (loopback, metadata, its own pods) would make them a confused deputy (CVE-2021-25737, -25740).
 */
export interface AddressPolicy {
  /** A clusterset made with `--dev` may use loopback. */
  readonly dev: boolean;
  /** The reader's own pod and service ranges, CIDR. */
  readonly ownRanges: readonly string[];
  /** The roster's ranges for that member. Absent: anything the never-list lets through. */
  readonly rosterRanges?: readonly string[] | undefined;
}

interface NeverRange {
  readonly range: string;
  readonly what: string;
  /** Allowed after all in a clusterset made with `--dev`. */
  readonly devOnly?: true;
}

export const NEVER_LIST: readonly NeverRange[] = [
  { range: '0.0.0.0/8', what: 'unspecified' },
  { range: '127.0.0.0/8', what: 'loopback', devOnly: true },
  { range: '169.254.0.0/16', what: 'link-local (cloud metadata)' },
  // Metadata services that are not link-local: Alibaba Cloud, Azure (wire server), Oracle Cloud.
  { range: '100.100.100.200/32', what: 'cloud metadata' },
  { range: '168.63.129.16/32', what: 'cloud metadata' },
  { range: '192.0.0.0/24', what: 'IETF protocol assignment' },
  { range: '224.0.0.0/4', what: 'multicast' },
  { range: '240.0.0.0/4', what: 'reserved or broadcast' },
  { range: '::1/128', what: 'loopback', devOnly: true },
  { range: '::/128', what: 'unspecified' },
  { range: '::ffff:0:0/96', what: 'an IPv4 address in IPv6 form' },
  { range: '::ffff:0:0:0/96', what: 'an IPv4 address in IPv6 form' },
  { range: '::/96', what: 'an IPv4 address in IPv6 form' },
  { range: '2002::/16', what: '6to4, which hides an IPv4 address' },
  { range: '2001::/32', what: 'Teredo, which hides an IPv4 address' },
  { range: '64:ff9b:1::/48', what: 'local-use NAT64, which hides an IPv4 address' },
  { range: '100::/64', what: 'discard-only' },
  { range: 'fd00:ec2::254/128', what: 'cloud metadata' },
  { range: 'fd20:ce::254/128', what: 'cloud metadata' },
  { range: 'fe80::/10', what: 'link-local' },
  { range: 'fec0::/10', what: 'site-local' },
  { range: 'ff00::/8', what: 'multicast' },
];

/** RFC 6052: DNS64 answers with these on IPv6-only networks, so what counts is the IPv4 address inside. */
const NAT64 = '64:ff9b::/96';

const neverRanges = NEVER_LIST.map((entry) => ({ ...entry, cidr: knownRange(entry.range) }));
const nat64Range = knownRange(NAT64);

/**
 * Judges an IP address, or the form of a host name: what a name resolves to comes here again before it is used.
 * Reasons: `InvalidAddress`, `AddressForbidden`, `AddressOutsideRoster`, `InvalidRange`.
 */
export function checkGatewayAddress(host: string, policy: AddressPolicy): Checked<true> {
  const address = parseAddress(host);
  return address === undefined ? checkHostName(host, policy) : checkIp(host, address, policy);
}

function checkHostName(host: string, policy: AddressPolicy): Checked<true> {
  const lastLabel = host.slice(host.lastIndexOf('.') + 1);
  // WHATWG URL, "ends in a number": resolvers take `127.1` and `0x7f000001` for addresses, not for names.
  if (!isDnsName(host) || /^(\d+|0x[0-9a-f]*)$/.test(lastLabel)) {
    return refuse('InvalidAddress', host, 'is neither an address nor a DNS name');
  }
  // RFC 6761, 6.3: always loopback.
  if (lastLabel === 'localhost' && !policy.dev) return refuse('AddressForbidden', host, 'is loopback');
  return { ok: true, value: true };
}

function checkIp(host: string, address: IpAddress, policy: AddressPolicy): Checked<true> {
  const never = neverRanges.find((entry) => isInRange(address, entry.cidr));
  if (never !== undefined && !(policy.dev && never.devOnly === true)) {
    return refuse('AddressForbidden', host, `is ${never.what}`);
  }
  const own = findRange(address, policy.ownRanges);
  if (!own.ok) return own;
  if (own.value !== undefined) return refuse('AddressForbidden', host, `lies in our own range ${own.value}`);
  if (isInRange(address, nat64Range) && address.kind() === 'ipv6') {
    // `kind` has told the family; the library's types do not narrow by it.
    const inner = embeddedIpv4(address as Parameters<typeof embeddedIpv4>[0]);
    const checked = checkIp(host, inner, { ...policy, rosterRanges: undefined });
    if (!checked.ok) return checked;
  }
  if (policy.rosterRanges === undefined) return { ok: true, value: true };
  const allowed = findRange(address, policy.rosterRanges);
  if (!allowed.ok) return allowed;
  if (allowed.value === undefined) return refuse('AddressOutsideRoster', host, 'lies outside the ranges of the roster');
  return { ok: true, value: true };
}

/** A range that cannot be read refuses everything: no one can say any more what it was meant to keep out or let in. */
function findRange(address: IpAddress, ranges: readonly string[]): Checked<string | undefined> {
  let found: string | undefined;
  for (const text of ranges) {
    const range = parseCidr(text);
    if (!range.ok) return range;
    if (found === undefined && isInRange(address, range.value)) found = text;
  }
  return { ok: true, value: found };
}

function refuse(reason: string, host: string, why: string): Checked<never> {
  return { ok: false, reason, message: `address ${JSON.stringify(host.slice(0, 80))} ${why}` };
}

function knownRange(text: string): Cidr {
  const range = parseCidr(text);
  if (!range.ok) throw new RangeError(range.message);
  return range.value;
}
