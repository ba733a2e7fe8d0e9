import type { ServiceKey, ServicePortKey } from '../federation/model/ids.ts';

/** The parts of `NS/NAME:PORT`. Keys are only made by `servicePortKey`, so the last colon is always there. */
export function parseServicePort(key: ServicePortKey): { readonly service: ServiceKey; readonly port: number } {
  const colon = key.lastIndexOf(':');
  // A prefix of a well-formed ServicePortKey is a ServiceKey by construction.
  return { service: key.slice(0, colon) as ServiceKey, port: Number(key.slice(colon + 1)) };
}
