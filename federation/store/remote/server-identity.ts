import { constants } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../../../runtime/random.ts';
import { buildCertificate, distinguishedName } from '../../../trust/certificate-builder.ts';
import { SERIAL_BYTES, toPem } from '../../../trust/certificates.ts';
import { basicConstraints, extendedKeyUsage, keyUsage, OID } from '../../../trust/extensions.ts';
import { FileKeyStore } from '../../../trust/key-store.ts';
import { openPrivateFile, replacePrivateFile } from '../../../trust/private-file.ts';
import { PrivateKey } from '../../../trust/private-key.ts';
import { pinOf } from './proof.ts';

/**
 * What makes a store server the same server after a restart: its key, which addresses pin, and its claim secret. Both
 * are in the state folder; the certificate is only the key's envelope and is made anew each time.
 */
export interface ServerIdentity {
  readonly key: PrivateKey;
  /** Self-signed, PEM. */
  readonly certificate: string;
  /** Hex sha256 of the key's SPKI. */
  readonly pin: string;
  readonly claimSecret: string;
}

/** In the key store of the server's folder. */
export const SERVER_KEY = 'store-server';
const CLAIM_SECRET_FILE = 'claim-secret';
const CLAIM_SECRET_BYTES = 32;
/**
 * The pin is what counts. A date would only add a day on which everything stops, and a clock that must be right:
 * so from long ago until "no well-defined expiration" (RFC 5280, section 4.1.2.5).
 */
const NOT_BEFORE_MS = Date.UTC(2000, 0, 1);
const NOT_AFTER_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

export async function loadServerIdentity(
  components: { random: Random },
  init: { folder: string },
): Promise<ServerIdentity> {
  const keys = new FileKeyStore(init.folder);
  const key = (await keys.load(SERVER_KEY)) ?? (await makeKey(keys));
  return {
    key,
    certificate: selfSigned(key, components.random),
    pin: pinOf(key.publicKey),
    claimSecret: await loadClaimSecret(components.random, init.folder),
  };
}

async function makeKey(keys: FileKeyStore): Promise<PrivateKey> {
  const key = PrivateKey.generate();
  await keys.save(SERVER_KEY, key);
  return key;
}

function selfSigned(key: PrivateKey, random: Random): string {
  const name = distinguishedName('isthmus', 'store server');
  const der = buildCertificate(key, {
    // A serial number is positive (RFC 5280, section 4.1.2.2): neither the sign bit nor all zero.
    serial: Uint8Array.from(random.bytes(SERIAL_BYTES), (octet, index) => (index === 0 ? (octet & 0x7f) | 1 : octet)),
    issuer: name,
    subject: name,
    notBeforeMs: NOT_BEFORE_MS,
    notAfterMs: NOT_AFTER_MS,
    publicKey: key.publicKey,
    extensions: [basicConstraints({ ca: false }), keyUsage('digitalSignature'), extendedKeyUsage(OID.serverAuth)],
  });
  return toPem([der]);
}

async function loadClaimSecret(random: Random, folder: string): Promise<string> {
  const file = await openPrivateFile(join(folder, CLAIM_SECRET_FILE), constants.O_RDONLY);
  if (file !== undefined) {
    try {
      return (await file.readFile('utf8')).trim();
    } finally {
      await file.close();
    }
  }
  const secret = Buffer.from(random.bytes(CLAIM_SECRET_BYTES)).toString('base64url');
  await replacePrivateFile(folder, CLAIM_SECRET_FILE, `${secret}\n`);
  return secret;
}
