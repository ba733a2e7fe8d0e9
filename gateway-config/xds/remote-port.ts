import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import {
  type ConnectionInjector,
  type Metadata,
  type Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, IsthmusError } from '../../runtime/errors.ts';
import { GuestListener, type GuestLimits } from '../../runtime/guest-listener.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { toPem } from '../../trust/certificates.ts';
import type { GatewayAuthenticator } from '../../trust/gateway-authenticator.ts';
import type { PrivateKey } from '../../trust/private-key.ts';
import { AUTHORIZATION_METADATA, GATEWAY_METADATA } from './agent-service.ts';
import { type Entry, Gate, GateError, type GateRefusal } from './gate.ts';

/** What the server needs for agents that do not share a unix socket with it. */
export interface RemoteAgents {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** To begin with; `XdsServer.renewSvid` takes the next ones. */
  readonly svid: ServerSvid;
  readonly authenticator: GatewayAuthenticator;
}

/** The controller's own SVID: agents know it by its URI and the cluster's CA, not by a host name. */
export interface ServerSvid {
  readonly key: PrivateKey;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
}

/** What strangers may hold. An agent has one connection to each controller; a NAT or a node may hide several agents. */
export const GUEST_LIMITS: GuestLimits = {
  connectionsPerAddressMax: 64,
  connectionsMax: 512,
  /** A handshake and one call. */
  loginTimeMs: 5_000,
  /** Handshake, headers with a token of 8 KB, and the first window of a body that nobody reads yet. */
  bytesBeforeLoginMax: 128 * 1024,
};

/** Three round trips to another continent, twice over. */
export const HANDSHAKE_MS = 3_000;

export function svidOptions({ key, chain }: ServerSvid): SecureContextOptions {
  return { key: key.revealPem(), cert: toPem(chain), minVersion: 'TLSv1.3' };
}

const GATE_CODES: Readonly<Record<GateRefusal, status>> = {
  unauthenticated: status.UNAUTHENTICATED,
  unavailable: status.UNAVAILABLE,
  exhausted: status.RESOURCE_EXHAUSTED,
};

/** The TCP port: a bounded listener, TLS, and the gate through which every call on it goes. */
export class RemotePort {
  readonly #init: RemoteAgents;
  readonly #gate: Gate;
  readonly #credentials: SvidCredentials;
  readonly #listener: GuestListener;
  readonly #injector: ConnectionInjector;
  /** By the metadata object of the call, which the library hands to gate and handler alike. */
  readonly #entries = new WeakMap<Metadata, Entry>();
  #port = 0;

  constructor(components: { clock: Clock; log: Logger; metrics: Metrics }, server: Server, init: RemoteAgents) {
    this.#init = init;
    this.#gate = new Gate({ ...components, authenticator: init.authenticator });
    this.#credentials = new SvidCredentials(init.svid, this.#interceptor());
    this.#injector = server.createConnectionInjector(this.#credentials);
    const take = (socket: Socket): void => this.#injector.injectConnection(socket);
    this.#listener = new GuestListener(components, { ...GUEST_LIMITS, take });
  }

  get port(): number {
    return this.#port;
  }

  renewSvid(svid: ServerSvid): void {
    this.#credentials.renew(svid);
  }

  async start(): Promise<void> {
    const { host, port } = this.#init;
    try {
      this.#port = await this.#listener.listen({ address: host, port });
    } catch (cause) {
      const message = `cannot listen for gateways on ${host}:${port}: ${errorText(cause)}`;
      throw new IsthmusError('xds-bind', message, { cause, hint: 'set spec.listen.xds to a free address or off' });
    }
  }

  stop(): void {
    this.#listener.stop();
  }

  async close(): Promise<void> {
    this.#gate.close();
    await this.#listener.close();
    this.#injector.destroy();
  }

  entryOf(metadata: Metadata): Entry | undefined {
    return this.#entries.get(metadata);
  }

  /** Until the gate has let a call in, nothing of its body is read. */
  #interceptor(): ServerInterceptor {
    return (_method, call) => {
      let leave = (): void => undefined;
      let isOver = false;
      const finish = (): void => {
        isOver = true;
        leave();
      };
      const enter = (entry: Entry, metadata: Metadata): void => {
        leave = entry.leave;
        if (isOver) leave();
        const { remoteAddress, remotePort } = call.getConnectionInfo();
        this.#listener.confirm(remoteAddress, remotePort);
        this.#entries.set(metadata, entry);
      };
      return new ServerInterceptingCall(call, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, pass) => {
              this.#gate
                .enter({
                  authorization: text(metadata, AUTHORIZATION_METADATA),
                  gateway: text(metadata, GATEWAY_METADATA),
                })
                .then((entry) => {
                  enter(entry, metadata);
                  pass(metadata);
                })
                .catch((error: unknown) => call.sendStatus(refusalStatus(error)));
            },
            onCancel: finish,
          }),
        sendStatus: (ending, next) => {
          finish();
          next(ending);
        },
      });
    };
  }
}

function text(metadata: Metadata, key: string): string | undefined {
  const [value, ...more] = metadata.get(key);
  return typeof value === 'string' && more.length === 0 ? value : undefined;
}

function refusalStatus(error: unknown): { code: status; details: string; metadata: null } {
  const code = error instanceof GateError ? GATE_CODES[error.refusal] : status.UNAVAILABLE;
  return { code, details: error instanceof GateError ? error.message : 'the call could not be let in', metadata: null };
}

/** `createSsl` has no way to ask for TLS 1.3, nor for other interceptors than the unix socket has. */
class SvidCredentials extends ServerCredentials {
  readonly #interceptor: ServerInterceptor;

  constructor(svid: ServerSvid, interceptor: ServerInterceptor) {
    super({ minVersion: 'TLSv1.3', handshakeTimeout: HANDSHAKE_MS }, svidOptions(svid));
    this.#interceptor = interceptor;
  }

  renew(svid: ServerSvid): void {
    this.updateSecureContextOptions(svidOptions(svid));
  }

  override _getInterceptors(): ServerInterceptor[] {
    return [this.#interceptor];
  }

  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
