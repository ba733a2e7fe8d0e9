import type { TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import type { Clock } from '../../../runtime/clock.ts';
import { errorText } from '../../../runtime/errors.ts';
import type { StoreAddress } from './address.ts';
import { formatPlace } from './address.ts';
import { pinOf } from './proof.ts';
import { TLS_SERVER_NAME } from './service.ts';
import { ServerUnreachableError } from './wire-errors.ts';

export interface PinnedCertificate {
  /** PEM. */
  readonly certificate: string;
  /** Hex sha256 of its key: the pin that it satisfied. */
  readonly pin: string;
}

/**
 * Asks the server for its certificate and takes it if its key is pinned. The gRPC channel then trusts exactly this
 * certificate, so whoever stands in between is found out here or there. Nothing is sent on this connection.
 */
export function fetchPinnedCertificate(
  { clock }: { clock: Clock },
  { address, timeoutMs }: { address: StoreAddress; timeoutMs: number },
): Promise<PinnedCertificate> {
  const place = formatPlace(address);
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: address.host,
      port: address.port,
      // The pin is checked below, by us; there is no CA that could be asked.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
      servername: TLS_SERVER_NAME,
    });
    const timer = clock.after(timeoutMs, () => {
      const hint = 'is something else listening there, or a firewall dropping packets?';
      finish(() => reject(new ServerUnreachableError(`the store server at ${place} does not answer`, { hint })));
    });
    const finish = (settle: () => void): void => {
      timer.cancel();
      socket.destroy();
      settle();
    };
    socket.once('error', (error) => finish(() => reject(unreachable(place, error))));
    socket.once('close', () => finish(() => reject(unreachable(place, 'it closed the connection'))));
    socket.once('secureConnect', () => {
      const shown = shownCertificate(socket);
      finish(() => {
        if (shown !== undefined && address.pins.includes(shown.pin)) resolve(shown);
        else reject(anotherKey(place, shown?.pin));
      });
    });
  });
}

function shownCertificate(socket: TLSSocket): PinnedCertificate | undefined {
  const x509 = socket.getPeerX509Certificate();
  if (x509 === undefined) return undefined;
  const publicKey = new Uint8Array(x509.publicKey.export({ type: 'spki', format: 'der' }));
  return { certificate: x509.toString(), pin: pinOf(publicKey) };
}

function unreachable(place: string, cause: unknown): ServerUnreachableError {
  return new ServerUnreachableError(`the store server at ${place} cannot be reached: ${errorText(cause)}`, { cause });
}

function anotherKey(place: string, pin: string | undefined): ServerUnreachableError {
  const shown = pin === undefined ? 'no key' : `sha256:${pin}`;
  return new ServerUnreachableError(
    `store server at ${place} answered with another key than the pinned one: ${shown}`,
    {
      hint: 'if the server was set up anew, take its new link; if not, somebody stands in between',
      fields: { shown },
    },
  );
}
