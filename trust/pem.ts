import { createHash } from 'node:crypto';
import { IsthmusError } from '../runtime/errors.ts';

/** Certificates as text (RFC 7468), for Envoy and for people, and the short name by which they are pinned. */
const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';
const LINE_CHARACTERS = 64;
/** A bundle of a few hundred certificates; more is not a bundle of ours. */
const PEM_CHARACTERS_MAX = 1024 * 1024;

export class InvalidPemError extends IsthmusError {
  constructor(message: string) {
    super('invalid-pem', message, { hint: 'expected one or more blocks that begin with BEGIN CERTIFICATE' });
  }
}

export function toPem(ders: readonly Uint8Array[]): string {
  return ders
    .map((der) => {
      const lines =
        Buffer.from(der)
          .toString('base64')
          .match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [];
      return `${[BEGIN, ...lines, END].join('\n')}\n`;
    })
    .join('');
}

/** @throws InvalidPemError when there is no certificate, or something else (a key!) among them. */
export function fromPem(pem: string): Uint8Array[] {
  if (pem.length > PEM_CHARACTERS_MAX) throw new InvalidPemError('the text is too long for a list of certificates');
  const ders: Uint8Array[] = [];
  for (const block of pem.split(END).slice(0, -1)) {
    const body = block.trim();
    if (!body.startsWith(BEGIN)) throw new InvalidPemError('the text holds something other than certificates');
    const base64 = body.slice(BEGIN.length).replaceAll(/\s/g, '');
    const der = Buffer.from(base64, 'base64');
    if (der.length === 0 || der.toString('base64') !== base64) throw new InvalidPemError('a certificate is not base64');
    ders.push(new Uint8Array(der));
  }
  if (ders.length === 0 || !pem.trimEnd().endsWith(END))
    throw new InvalidPemError('the text does not end a certificate');
  return ders;
}

/** Hex sha256 of the certificate: what a joiner pins. */
export function fingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}
