import { SeededRandom } from '../../runtime/random.ts';

/** Draws of one run, all from its seed. Each part of a run has dice of its own, so that one more draw here moves nothing there. */
export class Dice {
  readonly #seed: number;
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
  }

  /** Dice of a part, named so that its draws depend on nothing but seed and name. */
  of(part: string): Dice {
    let hash = this.#seed;
    for (const char of part) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) | 0;
    return new Dice(hash);
  }

  chance(share: number): boolean {
    return this.#random.fraction() < share;
  }

  /** From 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.#random.fraction() * count);
  }

  between(low: number, high: number): number {
    return low + this.#random.fraction() * (high - low);
  }

  pick<T>(choices: readonly T[]): T | undefined {
    return choices[this.below(choices.length)];
  }

  /** `bytes` with one octet changed. */
  spoil(bytes: Uint8Array): Uint8Array {
    const spoilt = new Uint8Array(bytes);
    const index = this.below(spoilt.length);
    spoilt[index] = otherOctet(spoilt[index] ?? 0);
    return spoilt;
  }

  /** The beginning of `bytes`, never all of it. */
  cut(bytes: Uint8Array): Uint8Array {
    return bytes.subarray(0, this.below(bytes.length));
  }
}

/**
 * Digits become digits and letters letters (hex ones hex), so that a spoilt number or hash is one still: and so that a
 * seed leads the same way in every process, whose keys and hashes are its own.
 */
function otherOctet(octet: number): number {
  if (isBetween(octet, '0', '9')) return octet === charCode('9') ? charCode('0') : octet + 1;
  if (isBetween(octet, 'a', 'f')) return octet === charCode('f') ? charCode('a') : octet + 1;
  if (isBetween(octet, 'g', 'z')) return octet === charCode('z') ? charCode('g') : octet + 1;
  return octet ^ 0x80;
}

function isBetween(octet: number, low: string, high: string): boolean {
  return octet >= charCode(low) && octet <= charCode(high);
}

function charCode(char: string): number {
  return char.charCodeAt(0);
}
