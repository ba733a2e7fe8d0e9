import { compareText, type ServiceKey, type ServicePortKey, servicePortKey } from '../../federation/model/ids.ts';
import type { LocalEndpoint, LocalService, LocalView } from '../../federation/model/local.ts';
import { endpointHealthKey } from '../../federation/model/own-records.ts';
import type { EgressIR, GatewayIR } from '../../gateway-config/ir.ts';
import { type ListObject, listOf, type Metadata } from './objects.ts';
import { hostPort } from './services.ts';

/**
 * `isthmus get endpoints`: where a call of each service port goes. Own endpoints by address, other clusters by their
 * weight: their endpoints stay at home.
 */
export interface EndpointItem {
  readonly metadata: Required<Metadata>;
  readonly spec: {
    readonly cluster: string;
    /** Port of the service. */
    readonly port: number;
    /** Own endpoints: `ADDRESS:PORT`. */
    readonly address?: string;
    readonly zone?: string;
  };
  readonly status: {
    /** Whether it gets traffic now, when it is its turn. */
    readonly ready: boolean;
    /** Why not, e.g. `NotReady`, `HealthCheckFailed`. */
    readonly reason?: string;
    /** Turn in the failover order: 0 is first, and that of this cluster's own endpoints where no policy says otherwise. */
    readonly tier: number;
    /** Share within its tier. */
    readonly weight: number;
  };
}

export interface EndpointsInput {
  readonly self: string;
  readonly local: LocalView;
  readonly gateways: readonly Pick<GatewayIR, 'egress'>[];
  /** Failed health checks, as `endpointHealthKey` writes them. */
  readonly unhealthy: ReadonlySet<string>;
}

export function endpointList(input: EndpointsInput): ListObject<'Endpoint', EndpointItem> {
  const egress = new Map(input.gateways.flatMap((gateway) => gateway.egress).map((one) => [one.service, one]));
  const own = [...input.local.services.values()].flatMap((service) => ownItems(service, input, egress));
  const remote = [...egress.values()].flatMap(remoteItems);
  return listOf('Endpoint', [...own, ...remote].toSorted(compareItems));
}

function ownItems(
  service: LocalService,
  input: EndpointsInput,
  egress: ReadonlyMap<ServicePortKey, EgressIR>,
): EndpointItem[] {
  return service.endpoints.flatMap((endpoint) =>
    service.ports.flatMap(({ port }): EndpointItem[] => {
      const tier = egress.get(servicePortKey(service.key, port))?.localAfter ?? 0;
      const endpointPort = endpoint.ports[port];
      if (endpointPort === undefined) return [];
      const { ready, reason } = readiness(service.key, port, endpoint, endpointPort, input.unhealthy);
      return [
        {
          metadata: { namespace: service.namespace, name: service.name },
          spec: {
            cluster: input.self,
            port,
            address: hostPort(endpoint.address, endpointPort),
            ...(endpoint.zone === undefined ? {} : { zone: endpoint.zone }),
          },
          status: { ready, ...(reason === undefined ? {} : { reason }), tier, weight: 1 },
        },
      ];
    }),
  );
}

function readiness(
  service: ServiceKey,
  port: number,
  endpoint: LocalEndpoint,
  endpointPort: number,
  unhealthy: ReadonlySet<string>,
): { readonly ready: boolean; readonly reason?: string } {
  if (!endpoint.ready) return { ready: false, reason: 'NotReady' };
  const failed = unhealthy.has(endpointHealthKey(service, port, endpoint.address, endpointPort));
  return failed ? { ready: false, reason: 'HealthCheckFailed' } : { ready: true };
}

function remoteItems(egress: EgressIR): EndpointItem[] {
  const [key = '', port = ''] = egress.service.split(':');
  const [namespace = '', name = ''] = key.split('/');
  return egress.tiers.flatMap((peers, index) =>
    peers.map(
      ({ cluster, weight }): EndpointItem => ({
        metadata: { namespace, name },
        spec: { cluster, port: Number(port) },
        // The own endpoints have a turn of their own among them.
        status: { ready: true, tier: index < (egress.localAfter ?? 0) ? index : index + 1, weight },
      }),
    ),
  );
}

function compareItems(left: EndpointItem, right: EndpointItem): number {
  return (
    compareText(left.metadata.namespace, right.metadata.namespace) ||
    compareText(left.metadata.name, right.metadata.name) ||
    left.spec.port - right.spec.port ||
    left.status.tier - right.status.tier ||
    compareText(left.spec.cluster, right.spec.cluster) ||
    compareText(left.spec.address ?? '', right.spec.address ?? '')
  );
}
