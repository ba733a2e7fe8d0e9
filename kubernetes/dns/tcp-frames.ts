/** DNS over TCP: messages behind a length of two octets (RFC 1035 section 4.2.2). */
const LENGTH_BYTES = 2;
/** A question with options has some hundred octets. */
const QUERY_BYTES_MAX = 4_096;

/** What the other side has sent so far. A message longer than any question is not waited for. */
export class TcpFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** Octets of a message that is not whole yet. */
  get isPartial(): boolean {
    return this.#rest.length > 0;
  }

  /** The messages that are whole now, or `too-long`: then the rest of the stream is of no use. */
  push(chunk: Buffer): readonly Buffer[] | 'too-long' {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (this.#rest.length >= LENGTH_BYTES) {
      const length = this.#rest.readUInt16BE(0);
      if (length > QUERY_BYTES_MAX) return 'too-long';
      if (this.#rest.length < LENGTH_BYTES + length) break;
      messages.push(this.#rest.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
      this.#rest = this.#rest.subarray(LENGTH_BYTES + length);
    }
    return messages;
  }
}

export function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(LENGTH_BYTES + message.length);
  bytes.writeUInt16BE(message.length, 0);
  bytes.set(message, LENGTH_BYTES);
  return bytes;
}
