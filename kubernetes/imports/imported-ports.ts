import { type ServicePortKey, servicePortKey } from '../../federation/model/ids.ts';
import type { AppProtocol, ServicePort } from '../../federation/model/records.ts';
import type { MergedService } from '../../federation/model/state.ts';
import type { EndpointPortObject, ServiceObject, ServicePortObject } from '../api/objects.ts';

/** A port of an imported service, with the gateway port that carries it. */
export interface ImportedPort {
  readonly port: ServicePort;
  /** Absent: no gateway carries it. */
  readonly gatewayPort?: number | undefined;
}

export function importedPorts(
  service: MergedService,
  ports: ReadonlyMap<ServicePortKey, number>,
): readonly ImportedPort[] {
  return service.ports.map((port) => {
    // A gateway port carries TCP; the UDP port of the same number is another one.
    const gatewayPort = port.protocol === 'TCP' ? ports.get(servicePortKey(service.key, port.port)) : undefined;
    return { port, gatewayPort };
  });
}

/** `Service.spec.ports[].appProtocol` (KEP-3726 for `kubernetes.io/h2c`). Absent: plain TCP, or nobody knows. */
export function appProtocolOf(protocol: AppProtocol): string | undefined {
  return APP_PROTOCOLS[protocol];
}

const APP_PROTOCOLS: Readonly<Record<AppProtocol, string | undefined>> = {
  http: 'http',
  http2: 'kubernetes.io/h2c',
  grpc: 'grpc',
  tcp: undefined,
};

export function portFields({ name, protocol, port, appProtocol }: ServicePort): ServicePortObject {
  const app = appProtocolOf(appProtocol);
  return {
    ...(name === '' ? {} : { name }),
    protocol,
    port,
    ...(app === undefined ? {} : { appProtocol: app }),
  };
}

/** A port of an EndpointSlice: kube-proxy finds it by its name, which is empty for a nameless one. */
export function slicePort(port: ServicePort, number: number): EndpointPortObject {
  const app = appProtocolOf(port.appProtocol);
  return {
    name: port.name,
    protocol: port.protocol,
    port: number,
    ...(app === undefined ? {} : { appProtocol: app }),
  };
}

/**
 * Of a port that no gateway carries. A name, not a number: numbers of derived Services are read back as gateway ports.
 */
export const NO_GATEWAY_PORT = 'unassigned';

/** Gateway ports as a derived Service remembers them. */
export function rememberedPorts(service: ServiceObject): readonly EndpointPortObject[] {
  return (service.spec?.ports ?? []).flatMap(({ name = '', protocol = 'TCP', appProtocol, targetPort }) => {
    if (typeof targetPort !== 'number') return [];
    return [{ name, protocol, port: targetPort, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}
