/** Messages on the wire, written and read without the library that the server has. */
export interface Asked {
  readonly name: string;
  readonly type?: number;
  readonly class?: number;
  readonly id?: number;
  readonly flags?: number;
  readonly edns?: { readonly payload: number; readonly version?: number; readonly flags?: number } | undefined;
}

export interface Told {
  readonly id: number;
  readonly flags: number;
  readonly rcode: number;
  readonly truncated: boolean;
  readonly authoritative: boolean;
  /** As it is written in the answer. */
  readonly question: string | undefined;
  readonly answers: readonly ToldRecord[];
  readonly authority: readonly ToldRecord[];
  readonly additional: readonly ToldRecord[];
}

export interface ToldRecord {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly data: Buffer;
}

export function ask({ name, type = 1, class: cls = 1, id = 4711, flags = 0x0100, edns }: Asked): Buffer {
  const header = Buffer.alloc(12);
  for (const [index, value] of [id, flags, 1, 0, 0, edns === undefined ? 0 : 1].entries()) {
    header.writeUInt16BE(value, 2 * index);
  }
  const labels = name.split('.').filter((label) => label !== '');
  const parts = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')]);
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(type, 1);
  tail.writeUInt16BE(cls, 3);
  return Buffer.concat([header, ...parts, tail, ...(edns === undefined ? [] : [option(edns)])]);
}

function option({ payload, version = 0, flags = 0 }: NonNullable<Asked['edns']>): Buffer {
  const bytes = Buffer.alloc(11);
  bytes.writeUInt16BE(41, 1);
  bytes.writeUInt16BE(payload, 3);
  bytes.writeUInt8(version, 6);
  bytes.writeUInt16BE(flags, 7);
  return bytes;
}

export function told(bytes: Uint8Array): Told {
  const message = Buffer.from(bytes);
  const [id = 0, flags = 0, questions = 0, ...counts] = [0, 2, 4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  let at = 12;
  let question: string | undefined;
  if (questions === 1) {
    const name = readName(message, at);
    question = name.text;
    at = name.end + 4;
  }
  const sections = counts.map((count) =>
    Array.from({ length: count }, () => {
      const { record, end } = readRecord(message, at);
      at = end;
      return record;
    }),
  );
  if (at !== message.length) throw new Error(`${message.length - at} octets too many`);
  const [answers = [], authority = [], additional = []] = sections;
  return {
    id,
    flags,
    rcode: flags & 0xf,
    truncated: (flags & 0x0200) !== 0,
    authoritative: (flags & 0x0400) !== 0,
    question,
    answers,
    authority,
    additional,
  };
}

function readRecord(message: Buffer, start: number): { readonly record: ToldRecord; readonly end: number } {
  const { text: name, end: at } = readName(message, start);
  const end = at + 10 + message.readUInt16BE(at + 8);
  const [type, cls, ttl] = [message.readUInt16BE(at), message.readUInt16BE(at + 2), message.readUInt32BE(at + 4)];
  return { record: { name, type, class: cls, ttl, data: message.subarray(at + 10, end) }, end };
}

function readName(message: Buffer, start: number): { readonly text: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  for (;;) {
    const length = message.readUInt8(at);
    if (length >= 0xc0) {
      end ??= at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
    } else if (length === 0) {
      return { text: labels.join('.'), end: end ?? at + 1 };
    } else {
      labels.push(message.toString('latin1', at + 1, at + 1 + length));
      at += length + 1;
    }
  }
}

export function addressOf({ data }: ToldRecord): string {
  return [...data].join('.');
}
