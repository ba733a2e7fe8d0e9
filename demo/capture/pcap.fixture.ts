/** Builds capture files for tests, octet by octet. */
export interface SegmentInit {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly payload: string | Buffer;
}

export type Endian = 'little' | 'big';

export function tcpFrame(init: SegmentInit): Buffer {
  const payload = Buffer.from(init.payload);
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(init.sourcePort, 0);
  tcp.writeUInt16BE(init.destinationPort, 2);
  tcp.writeUInt8(5 << 4, 12);
  return ipv4Frame({
    protocol: 6,
    source: init.source,
    destination: init.destination,
    payload: Buffer.concat([tcp, payload]),
  });
}

export function ipv4Frame(init: {
  protocol: number;
  source: string;
  destination: string;
  payload: Buffer;
  fragment?: number;
}): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(20 + init.payload.length, 2);
  header.writeUInt16BE(init.fragment ?? 0, 6);
  header.writeUInt8(init.protocol, 9);
  octets(init.source).copy(header, 12);
  octets(init.destination).copy(header, 16);
  // Shorter frames are padded to 60 octets on the wire; the padding belongs to no payload.
  const packet = Buffer.concat([header, init.payload]);
  return etherFrame(0x0800, packet.length < 46 ? Buffer.concat([packet, Buffer.alloc(46 - packet.length)]) : packet);
}

export function arpFrame(sender: string, target: string): Buffer {
  const arp = Buffer.alloc(28);
  octets(sender).copy(arp, 14);
  octets(target).copy(arp, 24);
  return etherFrame(0x0806, arp);
}

export function etherFrame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(14);
  header.writeUInt16BE(type, 12);
  return Buffer.concat([header, payload]);
}

export function pcapFile(frames: readonly Buffer[], endian: Endian = 'little', linkType = 1): Buffer {
  const header = Buffer.alloc(24);
  uint32(header, 0xa1b2c3d4, 0, endian);
  uint32(header, 262_144, 16, endian);
  uint32(header, linkType, 20, endian);
  return Buffer.concat([header, ...frames.flatMap((frame) => [packetHeader(frame, endian), frame])]);
}

function packetHeader(frame: Buffer, endian: Endian): Buffer {
  const header = Buffer.alloc(16);
  uint32(header, frame.length, 8, endian);
  uint32(header, frame.length, 12, endian);
  return header;
}

function uint32(buffer: Buffer, value: number, offset: number, endian: Endian): void {
  if (endian === 'little') buffer.writeUInt32LE(value, offset);
  else buffer.writeUInt32BE(value, offset);
}

function octets(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}
