import type { AddressInfo, Server } from 'node:net';
import { IsthmusError } from '../../runtime/errors.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** `ADDRESS:PORT`, IPv6 in brackets. @throws IsthmusError `bad-endpoint` */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (address === undefined || !(port <= 65_535)) {
    throw new IsthmusError('bad-endpoint', `${JSON.stringify(text)} is not ADDRESS:PORT`);
  }
  return { address, port };
}

/** Resolves with the port, which is chosen by the system when 0 is asked for. */
export function listen(
  server: Pick<Server, 'listen' | 'once' | 'removeListener' | 'address'>,
  at: Endpoint,
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.address, () => {
      server.removeListener('error', reject);
      // A server that listens on an address and port answers an AddressInfo; text is for pipes only.
      resolve((server.address() as AddressInfo).port);
    });
  });
}
