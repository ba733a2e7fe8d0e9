/** What a frame on the wire is, as far as the verdict needs it: who speaks to whom, and the payload. Pure. */
export interface TcpSegment {
  readonly kind: 'tcp';
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly payload: Buffer;
}

export interface OtherFrame {
  /** `arp`, `ipv6`, `udp`, `icmp`, `ip-PROTOCOL`, `fragment`, `ether-TYPE` or `broken`. */
  readonly kind: 'other';
  readonly what: string;
  /** IPv4 addresses that it names, if any. */
  readonly addresses: readonly string[];
  readonly payload: Buffer;
}

export type Frame = TcpSegment | OtherFrame;

const ETHERNET_BYTES = 14;
const TYPE_IPV4 = 0x0800;
const TYPE_ARP = 0x0806;
const TYPE_IPV6 = 0x86dd;
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 17: 'udp' };
const PROTOCOL_TCP = 6;
/** "More fragments" and the offset: non-zero in every fragment (RFC 791, section 3.1). */
const FRAGMENT_BITS = 0x3fff;

export function parseFrame(frame: Buffer): Frame {
  if (frame.length < ETHERNET_BYTES) return other('broken', [], frame);
  const type = frame.readUInt16BE(12);
  const rest = frame.subarray(ETHERNET_BYTES);
  if (type === TYPE_IPV4) return parseIpv4(rest);
  if (type === TYPE_ARP) return other('arp', arpAddresses(rest), rest);
  if (type === TYPE_IPV6) return other('ipv6', [], rest);
  return other(`ether-${type.toString(16)}`, [], rest);
}

function parseIpv4(packet: Buffer): Frame {
  if (packet.length < 20) return other('broken', [], packet);
  const headerBytes = (packet.readUInt8(0) & 0x0f) * 4;
  // Zero where the sender's network card was to cut a large segment: then all that was captured belongs to it.
  const totalBytes = packet.readUInt16BE(2) || packet.length;
  const addresses = [ipv4(packet, 12), ipv4(packet, 16)];
  if (headerBytes < 20 || totalBytes < headerBytes || packet.length < headerBytes)
    return other('broken', addresses, packet);
  const payload = packet.subarray(headerBytes, totalBytes);
  if ((packet.readUInt16BE(6) & FRAGMENT_BITS) !== 0) return other('fragment', addresses, payload);
  const protocol = packet.readUInt8(9);
  if (protocol !== PROTOCOL_TCP) return other(PROTOCOLS[protocol] ?? `ip-${protocol}`, addresses, payload);
  return parseTcp(payload, addresses);
}

function parseTcp(segment: Buffer, addresses: readonly string[]): Frame {
  const [source = '', destination = ''] = addresses;
  if (segment.length < 20) return other('broken', addresses, segment);
  const headerBytes = (segment.readUInt8(12) >> 4) * 4;
  return {
    kind: 'tcp',
    source,
    sourcePort: segment.readUInt16BE(0),
    destination,
    destinationPort: segment.readUInt16BE(2),
    payload: segment.subarray(headerBytes),
  };
}

/** Sender's and target's address of ARP for IPv4 over Ethernet (RFC 826). */
function arpAddresses(packet: Buffer): string[] {
  return packet.length < 28 ? [] : [ipv4(packet, 14), ipv4(packet, 24)];
}

function ipv4(packet: Buffer, offset: number): string {
  return [...packet.subarray(offset, offset + 4)].join('.');
}

function other(what: string, addresses: readonly string[], payload: Buffer): OtherFrame {
  return { kind: 'other', what, addresses, payload };
}
