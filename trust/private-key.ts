import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { inspect } from 'node:util';
import { IsthmusError } from '../runtime/errors.ts';

/**
 * Private keys live in one type that cannot be printed by accident: its text, JSON and inspect forms say `[redacted]`,
 * so that a log line, a golden or a debug dump never holds a key. The only way out is `revealPem`, which is easy to find.
 *
 * All keys of ours are P-256: Envoy accepts it in both directions (it refuses Ed25519 from clients), and a head
 * signature is 64 octets.
 */
const CURVE = 'prime256v1';
const REDACTED = '[redacted]';
/** ECDSA P-256 as r || s (IEEE P1363), which has one length and one encoding, unlike the DER form. */
export const SIGNATURE_BYTES = 64;
const DER_INTEGER = 0x02;
const DER_SEQUENCE = 0x30;
/** An uncompressed P-256 key in SPKI is 91 octets. */
const PUBLIC_KEY_BYTES_MAX = 128;

export class InvalidKeyError extends IsthmusError {
  constructor(message: string, cause?: unknown) {
    super('invalid-key', message, { cause, hint: 'use an ECDSA P-256 private key in PEM (PKCS #8)' });
  }
}

export class PrivateKey {
  readonly #key: KeyObject;
  /** SubjectPublicKeyInfo in DER (RFC 5480). */
  readonly publicKey: Uint8Array;

  private constructor(key: KeyObject) {
    this.#key = key;
    this.publicKey = new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
  }

  static generate(): PrivateKey {
    return new PrivateKey(generateKeyPairSync('ec', { namedCurve: CURVE }).privateKey);
  }

  /** @throws InvalidKeyError when the text is not an unencrypted P-256 key; the text itself never enters the message. */
  static fromPem(pem: string): PrivateKey {
    let key: KeyObject;
    try {
      key = createPrivateKey({ key: pem, format: 'pem' });
    } catch (cause) {
      throw new InvalidKeyError('not a private key in PEM', cause);
    }
    if (key.asymmetricKeyDetails?.namedCurve !== CURVE) throw new InvalidKeyError('the key is not ECDSA P-256');
    return new PrivateKey(key);
  }

  /** PKCS #8 in PEM. For key stores and SDS alone. */
  revealPem(): string {
    return this.#key.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  /** ECDSA P-256 over SHA-256 of `data`, raw 64 octets. */
  sign(data: Uint8Array): Uint8Array {
    return new Uint8Array(sign('sha256', data, { key: this.#key, dsaEncoding: 'ieee-p1363' }));
  }

  /** The same signature as `Ecdsa-Sig-Value` (RFC 3279, section 2.2.3), the form that certificates carry. */
  signDer(data: Uint8Array): Uint8Array {
    return new Uint8Array(sign('sha256', data, { key: this.#key, dsaEncoding: 'der' }));
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/** The P-256 key in an SPKI, or undefined when the octets are anything else. */
export function readPublicKey(spki: Uint8Array): KeyObject | undefined {
  if (spki.length > PUBLIC_KEY_BYTES_MAX) return undefined;
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return key.asymmetricKeyDetails?.namedCurve === CURVE ? key : undefined;
  } catch {
    // Not a key at all: for the caller the same as a key of another kind.
    return undefined;
  }
}

/** Keys of verified certificates are the same objects for as long as those are remembered: each is read once. */
const keyOf = new WeakMap<Uint8Array, KeyObject>();

function knownPublicKey(spki: Uint8Array): KeyObject | undefined {
  const known = keyOf.get(spki) ?? readPublicKey(spki);
  if (known !== undefined) keyOf.set(spki, known);
  return known;
}

/** False for a bad signature and for a key that is not P-256 alike: a verifier never throws on foreign input. */
export function verifySignature(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  const key = knownPublicKey(publicKey);
  return key !== undefined && verify('sha256', data, key, derOf(signature));
}

/**
 * r and s as `ECDSA-Sig-Value` (RFC 3279, 2.2.3), each the shortest INTEGER of its value. OpenSSL takes it a third faster
 * than the raw form, and every beat of every peer comes through here.
 */
function derOf(signature: Uint8Array): Uint8Array {
  const half = SIGNATURE_BYTES / 2;
  const body = [...integerOf(signature.subarray(0, half)), ...integerOf(signature.subarray(half))];
  return Uint8Array.of(DER_SEQUENCE, body.length, ...body);
}

function integerOf(octets: Uint8Array): readonly number[] {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start += 1;
  const value = octets.subarray(start);
  // A leading bit would make it negative.
  const pad = (value[0] ?? 0) >= 0x80 ? [0] : [];
  return [DER_INTEGER, pad.length + value.length, ...pad, ...value];
}
