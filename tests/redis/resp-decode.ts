/** RESP2 (the "Redis serialization protocol specification"): as many whole replies as the bytes hold. */
export type Reply = Buffer | number | undefined | RespError | Reply[];

/** An error reply: `code` is its first word (`NOPERM`, `READONLY`, `OOM`). */
export class RespError extends Error {
  readonly code: string;
  constructor(text: string) {
    super(text);
    this.code = text.split(' ', 1)[0] ?? '';
  }
}

interface Decoded {
  readonly reply: Reply;
  readonly next: number;
}

const CR_LF = Buffer.from('\r\n');

export function decodeReplies(bytes: Buffer): { readonly replies: readonly Reply[]; readonly rest: Buffer } {
  const replies: Reply[] = [];
  let at = 0;
  for (;;) {
    const decoded = decodeReply(bytes, at);
    if (decoded === undefined) return { replies, rest: bytes.subarray(at) };
    replies.push(decoded.reply);
    at = decoded.next;
  }
}

/** Undefined while the reply is not complete. */
function decodeReply(bytes: Buffer, start: number): Decoded | undefined {
  const end = bytes.indexOf(CR_LF, start);
  if (end === -1) return undefined;
  const line = bytes.toString('utf8', start + 1, end);
  const next = end + CR_LF.length;
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '+':
      return { reply: Buffer.from(line), next };
    case '-':
      return { reply: new RespError(line), next };
    case ':':
      return { reply: Number(line), next };
    case '$':
      return decodeBulk(bytes, Number(line), next);
    case '*':
      return decodeArray(bytes, Number(line), next);
    default:
      throw new Error(`not a reply in RESP2: ${JSON.stringify(bytes.toString('latin1', start, end).slice(0, 80))}`);
  }
}

function decodeBulk(bytes: Buffer, length: number, start: number): Decoded | undefined {
  if (length === -1) return { reply: undefined, next: start };
  const end = start + length;
  if (bytes.length < end + CR_LF.length) return undefined;
  return { reply: Buffer.from(bytes.subarray(start, end)), next: end + CR_LF.length };
}

function decodeArray(bytes: Buffer, length: number, start: number): Decoded | undefined {
  if (length === -1) return { reply: undefined, next: start };
  const replies: Reply[] = [];
  let at = start;
  while (replies.length < length) {
    const decoded = decodeReply(bytes, at);
    if (decoded === undefined) return undefined;
    replies.push(decoded.reply);
    at = decoded.next;
  }
  return { reply: replies, next: at };
}
