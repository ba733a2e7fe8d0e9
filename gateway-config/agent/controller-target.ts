import { isIP } from 'node:net';

/** One controller of this site as its agents reach it: on the same host by a unix socket, else by TLS. */
export type ControllerTarget =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tls'; readonly address: string; readonly port: number };

export type SocketTarget = Extract<ControllerTarget, { readonly kind: 'socket' }>;

export function socketTarget(path: string): SocketTarget {
  return { kind: 'socket', path };
}

/** Equal for equal targets; for logs, and the gRPC library's own way to write it. */
export function targetName(target: ControllerTarget): string {
  if (target.kind === 'socket') return `unix:${target.path}`;
  const { address, port } = target;
  return isIP(address) === 6 ? `ipv6:[${address}]:${port}` : `ipv4:${address}:${port}`;
}
