import { createHash, timingSafeEqual } from 'node:crypto';
import { isDnsLabel } from '../federation/model/ids.ts';
import type { Random } from '../runtime/random.ts';
import { SECRET_BYTES } from './secret.ts';

/**
 * The token by which a gateway on a host of its own logs in at its controller: `isthmus-gateway.NAME.SECRET`, the secret
 * 256 random bits. The prefix lets secret scanners find it; the name lets an agent know who it is.
 */
const PREFIX = 'isthmus-gateway';
/** base64url of 32 octets. */
const SECRET = /^[A-Za-z0-9_-]{43}$/;

export function makeGatewayToken(gateway: string, random: Random): string {
  return `${PREFIX}.${gateway}.${Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url')}`;
}

/** The gateway that a token of this form names; undefined for any other text. */
export function gatewayOfToken(token: string): string | undefined {
  const [prefix, gateway, secret, ...more] = token.split('.');
  if (prefix !== PREFIX || gateway === undefined || secret === undefined || more.length > 0) return undefined;
  return isDnsLabel(gateway) && SECRET.test(secret) ? gateway : undefined;
}

/** What is kept of a token: of 256 random bits a plain hash tells nothing. Hex. */
export function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export function matchesHash(token: string, hash: string): boolean {
  const expected = Buffer.from(hash, 'hex');
  const actual = createHash('sha256').update(token).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
