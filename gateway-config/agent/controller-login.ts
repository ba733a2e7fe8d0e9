import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import { readCertificate } from '../../trust/certificate-reader.ts';
import { fromPem } from '../../trust/certificates.ts';
import { BEARER_TOKEN_BYTES_MAX } from '../../trust/gateway-authenticator.ts';
import { gatewayOfToken } from '../../trust/gateway-token.ts';
import type { SpiffeId } from '../../trust/spiffe.ts';

/**
 * By what an agent knows its controller, and by what the controller knows it: two files, read again for every call,
 * because both are renewed under the running agent. Small and synchronous, like the look for sockets.
 */
export interface ControllerLoginInit {
  /** PEM: the CA certificates of the own cluster. */
  readonly caFile: string;
  readonly tokenFile: string;
}

export interface ControllerAnchors {
  readonly pem: string;
  /** DER. */
  readonly anchors: readonly Uint8Array[];
  /** The one identity that a controller of this cluster has. */
  readonly expected: SpiffeId;
}

export class LoginFileError extends IsthmusError {
  constructor(path: string, why: string, hint?: string) {
    super('login-file', `${path} cannot be used: ${why}`, hint === undefined ? {} : { hint });
  }
}

const CA_BYTES_MAX = 256 * 1024;
const OTHERS = 0o077;
const CA_HINT =
  'give the CA certificate of the own cluster: trust/cluster-ca.pem of the state folder of its controller';

export class ControllerLogin {
  readonly #init: ControllerLoginInit;
  #anchors: ControllerAnchors | undefined;

  constructor(init: ControllerLoginInit) {
    this.#init = init;
  }

  /** The same value while the file is the same. @throws LoginFileError */
  anchors(): ControllerAnchors {
    const { caFile } = this.#init;
    const { text: pem } = readSmall(caFile, CA_BYTES_MAX);
    if (this.#anchors?.pem !== pem) this.#anchors = parseAnchors(caFile, pem);
    return this.#anchors;
  }

  /** @throws LoginFileError */
  token(): string {
    const { tokenFile } = this.#init;
    const { text, mode } = readSmall(tokenFile, BEARER_TOKEN_BYTES_MAX);
    const token = text.trim();
    if (!/^[\x21-\x7e]+$/.test(token)) throw new LoginFileError(tokenFile, 'it holds no token');
    // Kubernetes decides the mode of its own tokens, which live for an hour; ours live until they are replaced.
    if (gatewayOfToken(token) !== undefined && (mode & OTHERS) !== 0) {
      const hint = `chmod 600 ${tokenFile}, and make a new token if others may have read it`;
      throw new LoginFileError(tokenFile, 'other users can read it', hint);
    }
    return token;
  }
}

/**
 * A cluster CA is constrained to its own trust domain, so its certificate says whose controller is to be expected. One
 * without such a constraint, the root say, could vouch for anybody and is no anchor here.
 */
function parseAnchors(path: string, pem: string): ControllerAnchors {
  const domains = new Set<string>();
  const anchors = readPem(path, pem);
  for (const der of anchors) {
    const read = readCertificate(der);
    if (!read.ok) throw new LoginFileError(path, read.message, CA_HINT);
    const [domain, ...more] = read.value.nameConstraints?.permittedUriHosts ?? [];
    if (domain === undefined || domain.startsWith('.') || more.length > 0) {
      throw new LoginFileError(path, 'a certificate in it is not constrained to one trust domain', CA_HINT);
    }
    domains.add(domain);
  }
  const [trustDomain = '', ...others] = domains;
  if (others.length > 0) throw new LoginFileError(path, 'its certificates are of several clusters', CA_HINT);
  return { pem, anchors, expected: { trustDomain, path: '/controller' } };
}

function readPem(path: string, pem: string): readonly Uint8Array[] {
  try {
    return fromPem(pem);
  } catch (error) {
    throw new LoginFileError(path, errorText(error), CA_HINT);
  }
}

function readSmall(path: string, bytesMax: number): { readonly text: string; readonly mode: number } {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(bytesMax + 1);
      const length = readSync(file, bytes);
      if (length > bytesMax) throw new IsthmusError('too-long', `it has more than ${bytesMax} octets`);
      return { text: bytes.toString('utf8', 0, length), mode: fstatSync(file).mode };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new LoginFileError(path, errorText(error));
  }
}
