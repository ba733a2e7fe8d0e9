/**
 * RESP2 and RESP3 (the "Redis serialization protocol specification") as frames that can be changed and written again: the
 * octets of a frame that nobody touched come out as they went in.
 */
export type Frame = LineFrame | BulkFrame | ListFrame;

/** `+OK`, `-ERR ...`, `:1`, `_`, `#t`, `,1.5`, `(123` */
export interface LineFrame {
  readonly kind: 'line';
  readonly mark: string;
  readonly text: string;
}

/** `$`, and RESP3's `!` and `=`. No octets: the null of RESP2. */
export interface BulkFrame {
  readonly kind: 'bulk';
  readonly mark: string;
  readonly bytes: Uint8Array | undefined;
}

/** `*`, and RESP3's `%` (keys and values in turn), `~` and `>`. No items: the null of RESP2. */
export interface ListFrame {
  readonly kind: 'list';
  readonly mark: string;
  readonly items: readonly Frame[] | undefined;
}

const LINES = new Set(['+', '-', ':', '_', '#', ',', '(']);
const BULKS = new Set(['$', '!', '=']);
const LISTS = new Set(['*', '%', '~', '>']);
const CR_LF = '\r\n';
/** Above anything that a store of ours may hold in one value. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;

/** Cuts a stream of octets into frames, whatever the borders of its chunks. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws Error for what is no RESP: a proxy that has lost its place must not go on. */
  read(chunk: Buffer): readonly Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (bytes.length > FRAME_BYTES_MAX) throw new Error('a frame without end');
    const frames: Frame[] = [];
    let at = 0;
    for (;;) {
      const parsed = parseFrame(bytes, at);
      if (parsed === undefined) break;
      frames.push(parsed.frame);
      at = parsed.next;
    }
    this.#rest = bytes.subarray(at);
    return frames;
  }
}

interface Parsed {
  readonly frame: Frame;
  readonly next: number;
}

/** Undefined while the frame is not complete. */
function parseFrame(bytes: Buffer, start: number): Parsed | undefined {
  const end = bytes.indexOf(CR_LF, start);
  if (end === -1) return undefined;
  const mark = String.fromCharCode(bytes[start] ?? 0);
  const text = bytes.toString('utf8', start + 1, end);
  const next = end + CR_LF.length;
  if (!LINES.has(mark) && !BULKS.has(mark) && !LISTS.has(mark)) {
    throw new Error(`no frame of RESP begins with ${JSON.stringify(mark)}`);
  }
  if (LINES.has(mark)) return { frame: { kind: 'line', mark, text }, next };
  const length = Number(text);
  if (!Number.isSafeInteger(length) || length < -1) throw new Error(`no length: ${JSON.stringify(text.slice(0, 80))}`);
  if (BULKS.has(mark)) return parseBulk(bytes, mark, length, next);
  return parseList(bytes, mark, length, next);
}

function parseBulk(bytes: Buffer, mark: string, length: number, start: number): Parsed | undefined {
  if (length === -1) return { frame: { kind: 'bulk', mark, bytes: undefined }, next: start };
  const end = start + length;
  if (bytes.length < end + CR_LF.length) return undefined;
  return { frame: { kind: 'bulk', mark, bytes: Buffer.from(bytes.subarray(start, end)) }, next: end + CR_LF.length };
}

function parseList(bytes: Buffer, mark: string, length: number, start: number): Parsed | undefined {
  if (length === -1) return { frame: { kind: 'list', mark, items: undefined }, next: start };
  const count = mark === '%' ? length * 2 : length;
  const items: Frame[] = [];
  let at = start;
  while (items.length < count) {
    const parsed = parseFrame(bytes, at);
    if (parsed === undefined) return undefined;
    items.push(parsed.frame);
    at = parsed.next;
  }
  return { frame: { kind: 'list', mark, items }, next: at };
}

export function encodeFrame(frame: Frame): Buffer {
  if (frame.kind === 'line') return Buffer.from(`${frame.mark}${frame.text}${CR_LF}`);
  if (frame.kind === 'bulk') {
    if (frame.bytes === undefined) return Buffer.from(`${frame.mark}-1${CR_LF}`);
    return Buffer.concat([Buffer.from(`${frame.mark}${frame.bytes.length}${CR_LF}`), frame.bytes, Buffer.from(CR_LF)]);
  }
  if (frame.items === undefined) return Buffer.from(`${frame.mark}-1${CR_LF}`);
  const count = frame.mark === '%' ? frame.items.length / 2 : frame.items.length;
  return Buffer.concat([Buffer.from(`${frame.mark}${count}${CR_LF}`), ...frame.items.map(encodeFrame)]);
}

export function bulk(bytes: Uint8Array | undefined): BulkFrame {
  return { kind: 'bulk', mark: '$', bytes };
}

/** A command as clients send it: an array of bulk strings. Undefined for anything else. */
export function wordsOf(frame: Frame): readonly Uint8Array[] | undefined {
  if (frame.kind !== 'list' || frame.mark !== '*' || frame.items === undefined) return undefined;
  const words = frame.items.map((item) => (item.kind === 'bulk' ? item.bytes : undefined));
  return words.every((word) => word !== undefined) ? words : undefined;
}

export function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes).toString('utf8');
}
