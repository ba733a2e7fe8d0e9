/**
 * Octets to queries and answers to octets; the only door to dns-packet, which knows the forms of records and options. The
 * question is read here: it is echoed octet for octet, and a dot inside of a label must not make two of it.
 */
import { type Answer as PacketRecord, type Packet, decode, encode } from 'dns-packet';
import { type Answer, type Labels, RCODES, type Rcode, type ResourceRecord } from './message.ts';
import { NameTable } from './name-table.ts';
import type { Decoded, Edns, Query, QueryHeader } from './query.ts';

const HEADER_BYTES = 12;
/** RFC 1035 section 2.3.4. */
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
/** The OPT record and, at most, a signature that is not understood. */
const ADDITIONALS_MAX = 2;
/** What is asked for at most over UDP: fits into every path's datagrams (DNS flag day 2020). */
export const UDP_PAYLOAD_BYTES = 1_232;
/** Without EDNS, RFC 1035 section 4.2.1. */
const UDP_PLAIN_BYTES = 512;
const TCP_MESSAGE_BYTES = 65_535;
const FLAG = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  desired: 0x0100,
  unchecked: 0x0010,
} as const;
const DNSSEC_OK = 0x8000;
const CAPITAL = /[A-Z]+/g;
const SPECIAL = /[.\\]/g;

export function decodeQuery(bytes: Uint8Array): Decoded {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (message.length < HEADER_BYTES) return { kind: 'drop' };
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG.response) !== 0) return { kind: 'drop' };
  const header: QueryHeader = {
    id: message.readUInt16BE(0),
    opcode: (flags >> 11) & 0xf,
    recursionDesired: (flags & FLAG.desired) !== 0,
    checkingDisabled: (flags & FLAG.unchecked) !== 0,
  };
  if (header.opcode !== 0) return { kind: 'unfit', header, rcode: 'NOTIMP' };
  const query = readQuery(message, header);
  return query === undefined ? { kind: 'unfit', header, rcode: 'FORMERR' } : { kind: 'query', query };
}

function readQuery(message: Buffer, header: QueryHeader): Query | undefined {
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  // Looked at before anything is decoded: the decoder makes room for as many records as a header claims.
  if (questions !== 1 || answers !== 0 || authorities !== 0 || (additionals ?? 0) > ADDITIONALS_MAX) return undefined;
  const name = readName(message, HEADER_BYTES);
  if (name === undefined || name.end + 4 > message.length) return undefined;
  const question = {
    labels: name.labels,
    type: message.readUInt16BE(name.end),
    class: message.readUInt16BE(name.end + 2),
  };
  const edns = additionals === 0 ? undefined : readEdns(message);
  if (edns === 'malformed') return undefined;
  return { header, question, questionBytes: message.subarray(HEADER_BYTES, name.end + 4), edns };
}

/** A question's name has nothing before it to point to, so every pointer in it is a lie. */
function readName(message: Buffer, start: number): { readonly labels: Labels; readonly end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > LABEL_BYTES_MAX || at + 1 + length - start > NAME_BYTES_MAX) return undefined;
    if (length === 0) return { labels, end: at + 1 };
    const next = at + 1 + length;
    if (next > message.length) return undefined;
    // Letters of ASCII only have a case (RFC 4343); octets beyond it are in no name of ours.
    const text = message.toString('latin1', at + 1, next);
    labels.push(text.replaceAll(CAPITAL, (letters) => letters.toLowerCase()).replaceAll(SPECIAL, String.raw`\$&`));
    at = next;
  }
}

function readEdns(message: Buffer): Edns | undefined | 'malformed' {
  let additionals: readonly PacketRecord[];
  try {
    additionals = decode(message).additionals ?? [];
  } catch {
    return 'malformed'; // the decoder tells errors by throwing, of whatever kind
  }
  const [option, second] = additionals.filter((record) => record.type === 'OPT');
  if (option === undefined) return undefined;
  // RFC 6891 section 6.1.1: one at most, at the root.
  if (second !== undefined || option.name !== '.') return 'malformed';
  return { payloadBytes: option.udpPayloadSize, version: option.ednsVersion, dnssecOk: option.flag_do };
}

/** How long the answer may be. */
export function answerBytesMax(query: Query, transport: 'udp' | 'tcp'): number {
  if (transport === 'tcp') return TCP_MESSAGE_BYTES;
  return Math.min(Math.max(query.edns?.payloadBytes ?? 0, UDP_PLAIN_BYTES), UDP_PAYLOAD_BYTES);
}

/** When there is no room for all answers, as many as fit, and TC: the client asks again over TCP, or makes do. */
export function encodeAnswer(query: Query, answer: Answer, bytesMax: number): Uint8Array {
  const edns = query.edns === undefined ? Buffer.alloc(0) : encodeOption(query.edns, answer.rcode);
  const names = new NameTable(query.questionBytes, HEADER_BYTES);
  let room = bytesMax - HEADER_BYTES - query.questionBytes.length - edns.length;
  const take = (records: readonly ResourceRecord[]): readonly Buffer[] => {
    const taken: Buffer[] = [];
    for (const record of records) {
      const bytes = Buffer.concat([names.encode(record.name), encodeRecord(record)]);
      if (bytes.length > room) break;
      room -= bytes.length;
      taken.push(bytes);
    }
    return taken;
  };
  const answers = take(answer.answers);
  const authority = take(answer.authority);
  const truncated = answers.length < answer.answers.length || authority.length < answer.authority.length;
  const additional = truncated ? [] : take(answer.additional);
  const counts = [1, answers.length, authority.length, additional.length + (edns.length > 0 ? 1 : 0)] as const;
  const flags = (answer.authoritative ? FLAG.authoritative : 0) | (truncated ? FLAG.truncated : 0);
  const header = encodeHeader(query.header, answer.rcode, { flags, counts });
  return Buffer.concat([header, query.questionBytes, ...answers, ...authority, ...additional, edns]);
}

/** The header alone, for a message whose question could not be read. */
export function encodeRefusal(header: QueryHeader, rcode: Rcode): Uint8Array {
  return encodeHeader(header, rcode, { flags: 0, counts: [0, 0, 0, 0] });
}

function encodeHeader(
  header: QueryHeader,
  rcode: Rcode,
  parts: { readonly flags: number; readonly counts: readonly [number, number, number, number] },
): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  const echoed = (header.recursionDesired ? FLAG.desired : 0) | (header.checkingDisabled ? FLAG.unchecked : 0);
  bytes.writeUInt16BE(header.id, 0);
  bytes.writeUInt16BE(FLAG.response | (header.opcode << 11) | echoed | parts.flags | (RCODES[rcode] & 0xf), 2);
  for (const [index, count] of parts.counts.entries()) bytes.writeUInt16BE(count, 4 + 2 * index);
  return bytes;
}

function encodeOption({ dnssecOk }: Edns, rcode: Rcode): Buffer {
  return encodeAlone({
    type: 'OPT',
    name: '.',
    udpPayloadSize: UDP_PAYLOAD_BYTES,
    extendedRcode: RCODES[rcode] >> 4,
    ednsVersion: 0,
    flags: dnssecOk ? DNSSEC_OK : 0,
    flag_do: dnssecOk,
    options: [],
  });
}

/** All but the name. */
function encodeRecord(record: ResourceRecord): Buffer {
  return encodeAlone({ ...record, name: '.', ttl: record.ttlS }).subarray(1);
}

/** The library encodes messages only: one with a single record, and its header taken off. */
function encodeAlone(record: PacketRecord): Buffer {
  const packet: Packet = { type: 'response', answers: [record] };
  return encode(packet).subarray(HEADER_BYTES);
}
