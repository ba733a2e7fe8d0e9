import { parseRange, rangeContains } from '../../topologies/ranges.ts';
import { type Frame, parseFrame, type TcpSegment } from './frame.ts';
import { type Packet, readPcap } from './pcap.ts';

/**
 * Looks at a recorded wire for what must not be there (the services' marker, private addresses) and for what must (TLS
 * between gateways): a capture that saw nothing would otherwise pass.
 */
export interface ScanInit {
  /** Texts that would be plaintext. */
  readonly markers: readonly string[];
  /** Ranges that are used inside the sites only. */
  readonly privateRanges: readonly string[];
}

export interface FlowCount {
  readonly source: string;
  readonly destination: string;
  /** The lower port of the two: the one that is listened on. */
  readonly port: number;
  readonly packets: number;
  readonly payloadBytes: number;
}

export interface Scan {
  readonly packets: number;
  readonly payloadBytes: number;
  /** Sorted by source, destination and port. */
  readonly flows: readonly FlowCount[];
  /** Frames that are not TCP, by kind. */
  readonly others: Readonly<Record<string, number>>;
  /** Packets in which a marker ended, also one that two packets share. */
  readonly plaintext: number;
  /** Packets whose header names an address that should have stayed inside, or whose payload spells one in digits. */
  readonly privateAddresses: number;
  /** TLS ClientHello messages seen. */
  readonly clientHellos: number;
  /** Packets that the capture cut short. */
  readonly truncated: number;
}

/** Directions of connections of which the end is kept, for texts that two packets share. */
const DIRECTIONS_MAX = 100_000;

/** @throws PcapError */
export async function scanCapture(file: string, init: ScanInit): Promise<Scan> {
  const scanner = new Scanner(init);
  for await (const packet of readPcap(file)) scanner.add(packet);
  return scanner.result();
}

export class Scanner {
  readonly #markers: readonly Buffer[];
  readonly #privateTexts: readonly Buffer[];
  readonly #isPrivate: (address: string) => boolean;
  readonly #keptBytes: number;
  readonly #flows = new Map<string, FlowCount>();
  readonly #others = new Map<string, number>();
  readonly #tails = new Map<string, Buffer>();
  #packets = 0;
  #payloadBytes = 0;
  #plaintext = 0;
  #privateAddresses = 0;
  #clientHellos = 0;
  #truncated = 0;

  constructor(init: ScanInit) {
    this.#markers = init.markers.map((text) => Buffer.from(text));
    this.#privateTexts = init.privateRanges.flatMap(spelledPrefix).map((text) => Buffer.from(text));
    const ranges = init.privateRanges.map(parseRange).filter((range) => range !== undefined);
    this.#isPrivate = (address) => ranges.some((range) => rangeContains(range, address));
    this.#keptBytes = Math.max(0, ...[...this.#markers, ...this.#privateTexts].map((text) => text.length - 1));
  }

  add(packet: Packet): void {
    const frame = parseFrame(packet.frame);
    this.#packets += 1;
    this.#payloadBytes += frame.payload.length;
    if (packet.wireLength > packet.frame.length) this.#truncated += 1;
    if (frame.kind === 'tcp') this.#addFlow(frame);
    else this.#others.set(frame.what, (this.#others.get(frame.what) ?? 0) + 1);
    const tail = this.#takeTail(frame);
    const ends = (text: Buffer): boolean => endsBehind(tail, frame.payload, text);
    if (this.#markers.some(ends)) this.#plaintext += 1;
    if (addressesOf(frame).some(this.#isPrivate) || this.#privateTexts.some(ends)) this.#privateAddresses += 1;
    if (isClientHello(frame.payload)) this.#clientHellos += 1;
  }

  result(): Scan {
    const order = ({ source, destination, port }: FlowCount): string =>
      `${source} ${destination} ${String(port).padStart(5, '0')}`;
    return {
      packets: this.#packets,
      payloadBytes: this.#payloadBytes,
      flows: [...this.#flows.values()].sort((left, right) => (order(left) < order(right) ? -1 : 1)),
      others: Object.fromEntries([...this.#others].sort(([left], [right]) => (left < right ? -1 : 1))),
      plaintext: this.#plaintext,
      privateAddresses: this.#privateAddresses,
      clientHellos: this.#clientHellos,
      truncated: this.#truncated,
    };
  }

  #addFlow(segment: TcpSegment): void {
    const { source, destination } = segment;
    const port = Math.min(segment.sourcePort, segment.destinationPort);
    const key = `${source} ${destination} ${port}`;
    const sofar = this.#flows.get(key);
    this.#flows.set(key, {
      source,
      destination,
      port,
      packets: (sofar?.packets ?? 0) + 1,
      payloadBytes: (sofar?.payloadBytes ?? 0) + segment.payload.length,
    });
  }

  /** The last octets that were sent before in the same direction; keeps this frame's for the next. */
  #takeTail(frame: Frame): Buffer {
    if (frame.kind !== 'tcp' || frame.payload.length === 0 || this.#keptBytes === 0) return NOTHING;
    const key = `${frame.source}:${frame.sourcePort} ${frame.destination}:${frame.destinationPort}`;
    const tail = this.#tails.get(key) ?? NOTHING;
    if (this.#tails.size >= DIRECTIONS_MAX) this.#tails.clear();
    // Copied: a slice would keep the whole chunk of the file alive.
    const sofar = frame.payload.length < this.#keptBytes ? Buffer.concat([tail, frame.payload]) : frame.payload;
    this.#tails.set(key, Buffer.from(sofar.subarray(-this.#keptBytes)));
    return tail;
  }
}

const NOTHING = Buffer.alloc(0);

/** Whether `text` stands in `payload`, or begins in the tail before it. Not when it lies in the tail as a whole. */
function endsBehind(tail: Buffer, payload: Buffer, text: Buffer): boolean {
  if (payload.includes(text)) return true;
  const seam = Buffer.concat([tail.subarray(-(text.length - 1)), payload.subarray(0, text.length - 1)]);
  return tail.length > 0 && text.length > 1 && seam.includes(text);
}

function addressesOf(frame: Frame): readonly string[] {
  return frame.kind === 'tcp' ? [frame.source, frame.destination] : frame.addresses;
}

/** TLS record of type handshake (22), version 3.x, whose first message is a ClientHello (1): RFC 8446, sections 4 and 5.1. */
function isClientHello(payload: Buffer): boolean {
  return payload.length > 5 && payload[0] === 22 && payload[1] === 3 && payload[5] === 1;
}

/** `10.0.0.` for 10.0.0.0/24: how an address of the range begins in text. Only whole octets; nothing for others. */
function spelledPrefix(range: string): string[] {
  const [address = '', prefix = ''] = range.split('/');
  const octets = Number(prefix) / 8;
  if (!Number.isInteger(octets) || octets < 2 || octets > 3 || !/^[\d.]+$/.test(address)) return [];
  return [`${address.split('.').slice(0, octets).join('.')}.`];
}
