/**
 * Reads along where replies of RESP2 begin and end, before the library decodes them: the library makes room for as many
 * elements as an array announces, and a few octets of a hostile server would take all memory there is.
 */
export class ReplyFramingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ReplyFramingError';
  }
}

/** Far above the largest answer, which is a hash of 16,000 records. 8 octets each are made room for. */
const REPLY_ELEMENTS_MAX = 500_000;
/** 2^53 has sixteen digits. */
const LENGTH_DIGITS_MAX = 15;
const [CARRIAGE_RETURN, MINUS, ZERO, NINE] = [0x0d, 0x2d, 0x30, 0x39];
const [ARRAY, BULK, SIMPLE, ERROR, INTEGER] = [0x2a, 0x24, 0x2b, 0x2d, 0x3a];
/** What ends every line and every bulk string. */
const LINE_END_BYTES = 2;

export class ReplyFraming {
  /** Of a bulk string and of line ends: octets that are still to be passed over. */
  #skip = 0;
  /** Of the line that is being read; 0: none. */
  #type = 0;
  #digits = 0;
  #length = 0;
  #isNegative = false;
  /** Elements that are still to come before the reply is whole. */
  #open = 0;
  /** Elements that the arrays of this reply have announced together. */
  #announced = 0;

  /** The chunks of a connection one after the other. @throws ReplyFramingError */
  read(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, chunk.length - at);
        this.#skip -= passed;
        at += passed;
      } else if (this.#type === 0) this.#begin(chunk[at++] ?? 0);
      else at = this.#isCounted ? this.#count(chunk, at) : this.#passLine(chunk, at);
    }
  }

  get #isCounted(): boolean {
    return this.#type === ARRAY || this.#type === BULK;
  }

  #begin(type: number): void {
    if (![ARRAY, BULK, SIMPLE, ERROR, INTEGER].includes(type)) {
      throw new ReplyFramingError('a reply is of a kind that nobody asked for');
    }
    if (this.#open === 0) {
      this.#open = 1;
      this.#announced = 0;
    }
    this.#type = type;
    this.#digits = 0;
    this.#length = 0;
    this.#isNegative = false;
  }

  #passLine(chunk: Uint8Array, from: number): number {
    const end = chunk.indexOf(CARRIAGE_RETURN, from);
    if (end === -1) return chunk.length;
    this.#endLine(0);
    return end;
  }

  /** A length in plain digits, or -1 for nil: every other way of writing one might be read otherwise by the library. */
  #count(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      const octet = chunk[at] ?? 0;
      if (octet === CARRIAGE_RETURN) {
        this.#endLine(this.#counted());
        return at;
      }
      if (octet === MINUS && this.#digits === 0 && !this.#isNegative) this.#isNegative = true;
      else if (octet >= ZERO && octet <= NINE && this.#digits < LENGTH_DIGITS_MAX) {
        this.#length = this.#length * 10 + octet - ZERO;
        this.#digits += 1;
      } else throw new ReplyFramingError('a reply has a length that is none');
    }
    return chunk.length;
  }

  #counted(): number {
    const isNil = this.#isNegative && this.#length === 1 && this.#digits === 1;
    if (this.#digits === 0 || (this.#isNegative && !isNil)) {
      throw new ReplyFramingError('a reply has a length that is none');
    }
    return isNil ? -1 : this.#length;
  }

  #endLine(length: number): void {
    const isArray = this.#type === ARRAY;
    const isBulk = this.#type === BULK;
    this.#type = 0;
    this.#skip = LINE_END_BYTES + (isBulk && length >= 0 ? length + LINE_END_BYTES : 0);
    this.#open -= 1;
    if (!isArray || length <= 0) return;
    this.#open += length;
    this.#announced += length;
    if (this.#announced > REPLY_ELEMENTS_MAX) {
      throw new ReplyFramingError(`a reply announces more than ${REPLY_ELEMENTS_MAX} elements`);
    }
  }
}
