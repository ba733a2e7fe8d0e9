import type { AppProtocol } from '../../federation/model/records.ts';
import type { ServicePortObject } from '../api/objects.ts';

/**
 * How gateways treat a port (KEP-3726 names the standard application protocols). What the field says counts, else the
 * first part of the port's name, as in the files source; whatever is not known to be HTTP is opaque TCP. `https` is
 * opaque too: a gateway has no business in a connection that the application encrypts itself.
 */
const BY_FIELD: ReadonlyMap<string, AppProtocol> = new Map([
  ['http', 'http'],
  ['kubernetes.io/ws', 'http'],
  ['http2', 'http2'],
  ['h2c', 'http2'],
  ['kubernetes.io/h2c', 'http2'],
  ['grpc', 'grpc'],
]);

const BY_NAME: ReadonlyMap<string, AppProtocol> = new Map([
  ['http', 'http'],
  ['http2', 'http2'],
  ['h2c', 'http2'],
  ['grpc', 'grpc'],
]);

export function appProtocolOf(port: Pick<ServicePortObject, 'appProtocol' | 'name' | 'protocol'>): AppProtocol {
  if ((port.protocol ?? 'TCP') !== 'TCP') return 'tcp';
  // The API leaves the case to the writer.
  if (port.appProtocol !== undefined) return BY_FIELD.get(port.appProtocol.toLowerCase()) ?? 'tcp';
  return BY_NAME.get(port.name?.split('-')[0] ?? '') ?? 'tcp';
}
