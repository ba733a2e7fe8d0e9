import { IsthmusError } from '../../../runtime/errors.ts';
import { StoreRefusedError, StoreUnavailableError } from '../contract.ts';

/** Why there is no connection, in one sentence and with what to do: refused, away, no TLS, TLS, a stranger's certificate. */
export interface DialledPlace {
  /** HOST:PORT */
  readonly place: string;
  readonly isTls: boolean;
}

interface SystemError {
  readonly code?: unknown;
  readonly message?: unknown;
}

const NO_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO']);
const STRANGER = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
]);

export function dialErrorOf(error: unknown, at: DialledPlace): IsthmusError {
  if (error instanceof IsthmusError) return error;
  const { code: rawCode, message: rawMessage } = (error ?? {}) as SystemError; // any value may be thrown
  const code = typeof rawCode === 'string' ? rawCode : '';
  const message = typeof rawMessage === 'string' ? (rawMessage.split('\n', 1)[0] ?? '') : '';
  return tlsErrorOf(code, message, at) ?? systemErrorOf(code, message, at);
}

function tlsErrorOf(code: string, message: string, { place, isTls }: DialledPlace): IsthmusError | undefined {
  if (!isTls) return undefined;
  if (NO_TLS.has(code)) {
    return new StoreUnavailableError(`${place} does not speak TLS`, {
      hint: 'use redis:// or the TLS port of the server',
    });
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const hint = 'name it as its certificate does, or say server-name=NAME';
    return new StoreUnavailableError(`the certificate of ${place} is for another host`, { hint });
  }
  if (STRANGER.has(code)) {
    const hint = 'name the CA that issued it: ca=FILE';
    return new StoreUnavailableError(`the certificate of ${place} is not of a trusted CA (${code})`, { hint });
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    const what = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return new StoreUnavailableError(`the certificate of ${place} ${what}`, {
      hint: 'renew it, and compare the clocks',
    });
  }
  if (/ALERT|CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE/.test(code)) {
    const hint = 'it may want a client certificate that it knows: cert=FILE&key=FILE';
    return new StoreUnavailableError(`${place} refuses the TLS handshake (${code})`, { hint });
  }
  if (/^ERR_(OSSL|SSL|TLS|CRYPTO)/.test(code)) {
    const hint = 'compare ca=, cert= and key= with what the files hold';
    return new StoreUnavailableError(`TLS with ${place} fails: ${message} (${code})`, { hint });
  }
  return undefined;
}

function systemErrorOf(code: string, message: string, { place, isTls }: DialledPlace): IsthmusError {
  switch (code) {
    case 'ECONNREFUSED':
      return new StoreUnavailableError(`${place} refuses the connection`, {
        hint: 'does the server run, and does it listen on this address and port?',
      });
    case 'ETIMEDOUT':
      return new StoreUnavailableError(`${place} does not answer`, {
        hint: 'does it hang, or is there a firewall in between?',
      });
    case 'ETLSTIMEDOUT':
      return new StoreUnavailableError(`${place} takes the connection and does not answer in TLS`, {
        hint: 'use redis:// if it speaks no TLS; otherwise, does it hang?',
      });
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StoreUnavailableError(`the name in ${place} cannot be resolved (${code})`, {
        hint: 'compare the host name, and look at DNS',
      });
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return new StoreUnavailableError(`there is no way to ${place} (${code})`, {
        hint: 'look at routes and firewalls',
      });
    case 'ECONNRESET':
    case 'EPIPE':
      return new StoreUnavailableError(`${place} closes the connection`, {
        hint: isTls ? 'does it want TLS, and this client?' : 'does it want TLS? Then use rediss://',
      });
    default:
      return new StoreUnavailableError(`cannot connect to ${place}: ${message}${code === '' ? '' : ` (${code})`}`);
  }
}

/** The login was refused. It heals by a new password, without a restart: the files are read again at each attempt. */
export class LoginRefusedError extends StoreRefusedError {}
