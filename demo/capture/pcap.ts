import { createReadStream } from 'node:fs';
import { IsthmusError } from '../../runtime/errors.ts';

/**
 * Reads the classic pcap format (draft-ietf-opsawg-pcap): a header of 24 octets, then for each packet 16 octets and the
 * packet. Both byte orders; pcapng is something else and is refused.
 */
export class PcapError extends IsthmusError {
  constructor(message: string) {
    super('pcap', message);
  }
}

export interface Packet {
  /** Frame from the link layer's first octet. */
  readonly frame: Buffer;
  /** Length on the wire; larger than the frame when the capture cut it. */
  readonly wireLength: number;
}

const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;
const MAGICS_LITTLE = new Set([0xa1b2c3d4, 0xa1b23c4d]);
const LINKTYPE_ETHERNET = 1;
/** tcpdump's own maximum; a larger claim is a broken file, and must not make us allocate it. */
const FRAME_BYTES_MAX = 262_144;

/** @throws PcapError when the file is not a capture of Ethernet, or ends in the middle of a packet */
export async function* readPcap(file: string): AsyncGenerator<Packet> {
  let buffer: Buffer = Buffer.alloc(0);
  let layout: Layout | undefined;
  for await (const chunk of createReadStream(file)) {
    // Without an encoding a read stream yields Buffers; its type cannot say so.
    buffer = Buffer.concat([buffer, chunk as Buffer]);
    if (layout === undefined) {
      if (buffer.length < FILE_HEADER_BYTES) continue;
      layout = readLayout(buffer);
      buffer = buffer.subarray(FILE_HEADER_BYTES);
    }
    const { packets, rest } = takePackets(buffer, layout);
    buffer = rest;
    yield* packets;
  }
  if (layout === undefined) throw new PcapError('the file is too short for a capture');
  if (buffer.length > 0) throw new PcapError('the file ends in the middle of a packet');
}

interface Layout {
  readonly uint32: (buffer: Buffer, offset: number) => number;
}

function readLayout(header: Buffer): Layout {
  const little = MAGICS_LITTLE.has(header.readUInt32LE(0));
  if (!little && !MAGICS_LITTLE.has(header.readUInt32BE(0))) throw new PcapError('the file is not a pcap capture');
  const uint32: Layout['uint32'] = (buffer, offset) =>
    little ? buffer.readUInt32LE(offset) : buffer.readUInt32BE(offset);
  // The upper bits may say how long the frame check sequence is.
  const linkType = uint32(header, 20) & 0xffff;
  if (linkType !== LINKTYPE_ETHERNET) throw new PcapError(`link type ${linkType} is not Ethernet`);
  return { uint32 };
}

function takePackets(buffer: Buffer, { uint32 }: Layout): { packets: Packet[]; rest: Buffer } {
  const packets: Packet[] = [];
  let offset = 0;
  while (buffer.length - offset >= PACKET_HEADER_BYTES) {
    const length = uint32(buffer, offset + 8);
    if (length > FRAME_BYTES_MAX) throw new PcapError(`a packet claims ${length} octets`);
    const start = offset + PACKET_HEADER_BYTES;
    if (buffer.length < start + length) break;
    packets.push({ frame: buffer.subarray(start, start + length), wireLength: uint32(buffer, offset + 12) });
    offset = start + length;
  }
  return { packets, rest: buffer.subarray(offset) };
}
