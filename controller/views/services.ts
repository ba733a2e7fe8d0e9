import { compareText, type ServiceKey, servicePortKey } from '../../federation/model/ids.ts';
import type { LocalView } from '../../federation/model/local.ts';
import type { AppProtocol } from '../../federation/model/records.ts';
import type { FederationState, MergedService, ServiceBackend } from '../../federation/model/state.ts';
import type { EgressIR, GatewayIR } from '../../gateway-config/ir.ts';
import { type ListObject, listOf, type Metadata } from './objects.ts';

/** `isthmus get services`: what this cluster has and what it can call, and who serves it. */
export interface ServiceItem {
  readonly metadata: Required<Metadata>;
  readonly spec: {
    readonly type: 'ClusterSetIP' | 'Headless';
    readonly ports: readonly ServicePortItem[];
  };
  readonly status: {
    /** Whether other clusters may see this cluster's own. */
    readonly exported: boolean;
    /** Ready endpoints of this cluster, over all ports the fewest. */
    readonly localReady: number;
    readonly localEndpoints: number;
    /** Sorted by cluster; this cluster included when it exports. */
    readonly backends: readonly BackendItem[];
    /** Clusters that disagree about the service; the oldest export wins. */
    readonly conflicts: readonly { readonly field: string; readonly winner: string; readonly message: string }[];
  };
}

export interface ServicePortItem {
  readonly name: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
  readonly appProtocol: AppProtocol;
  /** Where local workloads call it: `ADDRESS:PORT` of the gateway. */
  readonly callAt?: string;
}

export interface BackendItem {
  readonly cluster: string;
  readonly network: string;
  /** Ready endpoints, over all ports the fewest. */
  readonly ready: number;
  /** Used only after all others: its cluster is unreachable or held back before fail-back. */
  readonly standby: boolean;
}

export interface ServicesInput {
  readonly state: FederationState;
  readonly local: LocalView;
  /** Of every own gateway; a service has the same port on each. */
  readonly gateways: readonly Pick<GatewayIR, 'egress'>[];
}

export function serviceList({ state, local, gateways }: ServicesInput): ListObject<'Service', ServiceItem> {
  const egress = new Map(gateways.flatMap((gateway) => gateway.egress).map((one) => [one.service, one]));
  const keys = new Set<ServiceKey>([...state.services.keys(), ...local.services.keys()]);
  const sorted = [...keys].toSorted(compareText);
  return listOf(
    'Service',
    sorted.flatMap((key) => serviceItem(key, state.services.get(key), local, egress)),
  );
}

function serviceItem(
  key: ServiceKey,
  merged: MergedService | undefined,
  local: LocalView,
  egress: ReadonlyMap<string, EgressIR>,
): readonly ServiceItem[] {
  const own = local.services.get(key);
  const shape = merged ?? own;
  if (shape === undefined) return [];
  const [namespace = '', name = ''] = key.split('/');
  const endpoints = own?.endpoints ?? [];
  return [
    {
      metadata: { namespace, name },
      spec: {
        type: shape.type,
        ports: shape.ports.map((port) => {
          const listen = egress.get(servicePortKey(key, port.port))?.listen;
          return { ...port, ...(listen === undefined ? {} : { callAt: hostPort(listen.address, listen.port) }) };
        }),
      },
      status: {
        exported: own?.exported ?? false,
        localReady: endpoints.filter((endpoint) => endpoint.ready).length,
        localEndpoints: endpoints.length,
        backends: (merged?.backends ?? []).map((backend) =>
          backendItem(
            backend,
            shape.ports.map(({ port }) => port),
          ),
        ),
        conflicts: (merged?.conflicts ?? []).map(({ field, winner, message }) => ({ field, winner, message })),
      },
    },
  ];
}

function backendItem(backend: ServiceBackend, ports: readonly number[]): BackendItem {
  const perPort = ports.map((port) =>
    backend.ready.filter((weight) => weight.port === port).reduce((sum, weight) => sum + weight.ready, 0),
  );
  return {
    cluster: backend.cluster,
    network: backend.network,
    ready: perPort.length === 0 ? 0 : Math.min(...perPort),
    standby: backend.standby === true,
  };
}

export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
