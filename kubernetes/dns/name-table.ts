/**
 * Names of an answer, shortened by pointing into the question (RFC 1035 section 4.1.4): most of them end as it does, and
 * without that an answer would hold half as many addresses. Names inside of records are never shortened (RFC 2782, RFC 3597).
 */
const POINTER = 0xc000;

export class NameTable {
  readonly #asked: Buffer;
  /** Where each ending of the asked name begins in the message, by its text in lower case. */
  readonly #endings = new Map<string, number>();

  /** @param question the question section, whose name is well-formed and without pointers */
  constructor(question: Uint8Array, offset: number) {
    const bytes = Buffer.from(question.buffer, question.byteOffset, question.byteLength);
    const places: { readonly at: number; readonly label: string }[] = [];
    for (let at = 0, length = bytes[0] ?? 0; length > 0; at += length + 1, length = bytes[at] ?? 0) {
      places.push({ at, label: bytes.toString('latin1', at + 1, at + 1 + length).toLowerCase() });
    }
    let ending = '';
    for (const { at, label } of places.toReversed()) {
      if (label.includes('.')) break; // would read as two
      ending = ending === '' ? label : `${label}.${ending}`;
      this.#endings.set(ending, offset + at);
    }
    this.#asked = Buffer.alloc(2);
    // The root has nothing to point to that would be shorter.
    if (places.length === 0) this.#asked = Buffer.alloc(1);
    else this.#asked.writeUInt16BE(POINTER | offset);
  }

  /** Undefined: the name that was asked for. */
  encode(name: string | undefined): Buffer {
    if (name === undefined) return this.#asked;
    const parts: Buffer[] = [];
    for (let rest = name; rest !== ''; ) {
      const at = this.#endings.get(rest);
      if (at !== undefined) {
        const pointer = Buffer.alloc(2);
        pointer.writeUInt16BE(POINTER | at);
        return Buffer.concat([...parts, pointer]);
      }
      const [label = ''] = rest.split('.', 1);
      parts.push(Buffer.from([label.length]), Buffer.from(label, 'latin1'));
      rest = rest.slice(label.length + 1);
    }
    return Buffer.concat([...parts, Buffer.alloc(1)]);
  }
}
