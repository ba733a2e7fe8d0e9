import type { ClusterId } from '../federation/model/ids.ts';
import { isDnsLabel, isDnsName } from '../federation/model/ids.ts';
import { IsthmusError } from '../runtime/errors.ts';

/** SPIFFE ID (SPIFFE-ID standard, section 2): `spiffe://TRUST-DOMAIN/PATH`. Compared by parsed parts, never by pattern. */
export interface SpiffeId {
  readonly trustDomain: string;
  /** Begins with a slash. */
  readonly path: string;
}

export class InvalidSpiffeIdError extends IsthmusError {
  constructor(text: string, why: string) {
    super('invalid-spiffe-id', `not a SPIFFE ID: ${why}`, { fields: { text: text.slice(0, 200) } });
  }
}

const SPIFFE_ID_BYTES_MAX = 2048;
const PATH_SEGMENT = /^[A-Za-z0-9._-]+$/;

export function formatSpiffeId(id: SpiffeId): string {
  return `spiffe://${id.trustDomain}${id.path}`;
}

export function parseSpiffeId(text: string): SpiffeId {
  if (text.length > SPIFFE_ID_BYTES_MAX) throw new InvalidSpiffeIdError(text, 'it is too long');
  const match = /^spiffe:\/\/([^/]+)(\/.*)$/.exec(text);
  if (match === null) throw new InvalidSpiffeIdError(text, 'it is not spiffe://TRUST-DOMAIN/PATH');
  const [, trustDomain = '', path = ''] = match;
  if (!isDnsName(trustDomain)) throw new InvalidSpiffeIdError(text, 'its trust domain is not a lower-case DNS name');
  const segments = path.slice(1).split('/');
  if (!segments.every((segment) => PATH_SEGMENT.test(segment) && segment !== '.' && segment !== '..')) {
    throw new InvalidSpiffeIdError(text, 'its path has an empty, relative or illegal segment');
  }
  return { trustDomain, path };
}

/** `CLUSTER.CLUSTERSET-DOMAIN`: one trust domain a cluster. */
export function trustDomainOf(cluster: ClusterId, clustersetDomain: string): string {
  return `${cluster}.${clustersetDomain}`;
}

export function gatewayId(cluster: ClusterId, clustersetDomain: string, gatewaySet: string): SpiffeId {
  if (!isDnsLabel(gatewaySet)) throw new InvalidSpiffeIdError(gatewaySet, 'the gateway set is not a DNS label');
  return { trustDomain: trustDomainOf(cluster, clustersetDomain), path: `/gateway/${gatewaySet}` };
}

/** The only identity that may sign heads. */
export function controllerId(cluster: ClusterId, clustersetDomain: string): SpiffeId {
  return { trustDomain: trustDomainOf(cluster, clustersetDomain), path: '/controller' };
}
