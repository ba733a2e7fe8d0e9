import type { HeadOrder } from '../../model/head.ts';
import type { StoredHead } from '../contract.ts';
import { STORE_LIMITS, StoreRefusedError } from '../contract.ts';
import { checkHeadLimits } from '../limits.ts';

/**
 * A head as one value: three lines of text, then the signed octets as they are.
 *
 *     {"incarnation":1,"epoch":1,"writerId":"a","version":1,"beat":0}
 *     SIGNER-CHAIN
 *     SIGNATURE in base64
 *     HEAD-BYTES
 */
const LINE_FEED = 0x0a;
/** Names of at most 512 octets, of which JSON may write each as six. */
const ORDER_BYTES_MAX = STORE_LIMITS.nameBytesMax * 6 + 512;
/** Base64 adds a third to the signature, which may be all that the head's limit allows. */
export const HEAD_FRAME_BYTES_MAX = Math.ceil((STORE_LIMITS.headBytesMax * 4) / 3) + ORDER_BYTES_MAX + 8;

export function encodeHead({ order, head }: StoredHead): Buffer {
  if (/[\r\n]/.test(head.signerChain))
    throw new StoreRefusedError('the name of the signer chain has a line feed in it');
  const lines = [encodeOrder(order), head.signerChain, Buffer.from(head.signature).toString('base64'), ''];
  return Buffer.concat([Buffer.from(lines.join('\n')), head.bytes]);
}

/** @returns undefined when it is not a head of ours */
export function decodeHead(frame: Buffer): StoredHead | undefined {
  if (frame.byteLength > HEAD_FRAME_BYTES_MAX) return undefined;
  const lines: string[] = [];
  let at = 0;
  while (lines.length < 3) {
    const end = frame.indexOf(LINE_FEED, at);
    if (end === -1) return undefined;
    lines.push(frame.toString('utf8', at, end));
    at = end + 1;
  }
  const [orderText = '', signerChain = '', signatureText = ''] = lines;
  const order = decodeOrder(orderText);
  const signature = Buffer.from(signatureText, 'base64');
  if (order === undefined || signature.toString('base64') !== signatureText) return undefined;
  return accept({ order, head: { bytes: frame.subarray(at), signature, signerChain } });
}

export function encodeOrder({ incarnation, epoch, writerId, version, beat }: HeadOrder): string {
  return JSON.stringify({ incarnation, epoch, writerId, version, beat });
}

export function decodeOrder(text: string): HeadOrder | undefined {
  return text.length <= ORDER_BYTES_MAX ? orderOf(parseJson(text)) : undefined;
}

/** A plain object with the fields of an order and no others; whether their values make sense is for `checkOrder`. */
export function orderOf(value: unknown): HeadOrder | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { incarnation, epoch, writerId, version, beat } = value as Readonly<Record<string, unknown>>; // any object
  const numbers = [incarnation, epoch, version, beat];
  if (typeof writerId !== 'string' || !numbers.every((number) => isWhole(number))) return undefined;
  return { incarnation, epoch, writerId, version, beat } as HeadOrder; // checked one by one above
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no text of ours; the caller says so
  }
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function accept(stored: StoredHead): StoredHead | undefined {
  try {
    checkHeadLimits(stored);
    return stored;
  } catch {
    return undefined; // no head of ours; the caller says so
  }
}
