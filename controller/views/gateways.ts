import { compareText } from '../../federation/model/ids.ts';
import type { GatewayRecord } from '../../federation/model/records.ts';
import type { FederationState } from '../../federation/model/state.ts';
import { type ListObject, listOf, type Metadata } from './objects.ts';
import { hostPort } from './services.ts';

/** `isthmus get gateways`: the gateways of every cluster; of the own ones also what they acknowledged. */
export interface GatewayItem {
  readonly metadata: Metadata;
  readonly spec: {
    readonly cluster: string;
    /** Public, `HOST:PORT`. */
    readonly addresses: readonly string[];
    readonly weight: number;
    readonly draining: boolean;
    readonly modes: readonly string[];
  };
  readonly status: {
    /** Result of this cluster's own probes of it; `unknown` where nothing probes (own gateways). */
    readonly probe: 'good' | 'bad' | 'unknown';
    /** Own gateways only. */
    readonly programmed?: ProgrammedStatus;
  };
}

/** How a gateway stands towards the newest configuration. */
export interface ProgrammedStatus {
  readonly connected: boolean;
  /** Resources acknowledged in their newest version, and those that are not yet. */
  readonly acknowledged: number;
  readonly pending: number;
  readonly refused: readonly { readonly name: string; readonly message: string }[];
}

export interface GatewaysInput {
  readonly state: FederationState;
  /** Own gateways as configured: shown even before anything was published. */
  readonly own: readonly GatewayRecord[];
  /** By gateway name; of the xDS ledger. */
  readonly programmed: ReadonlyMap<string, ProgrammedStatus>;
  /** By `HOST:PORT`; as the own gateways probe. */
  readonly probes: ReadonlyMap<string, 'good' | 'bad'>;
}

export function gatewayList(input: GatewaysInput): ListObject<'Gateway', GatewayItem> {
  const { state, own } = input;
  const peers = [...state.peers].toSorted(([left], [right]) => compareText(left, right));
  return listOf('Gateway', [
    ...byName(own).flatMap((gateway) => ownItems(state.self, gateway, input)),
    ...peers.flatMap(([cluster, { view }]) =>
      byName(view.gateways).map((gateway) => item(cluster, gateway, undefined, probeOf(gateway, input.probes))),
    ),
  ]);
}

/** In Kubernetes one record stands for all pods behind a Service, and each of them is programmed by itself. */
function ownItems(self: string, gateway: GatewayRecord, { own, programmed }: GatewaysInput): readonly GatewayItem[] {
  const names = new Set(own.map(({ name }) => name));
  const pods = [...programmed.keys()].filter((name) => !names.has(name)).toSorted(compareText);
  if (pods.length === 0 || programmed.has(gateway.name)) {
    return [item(self, gateway, programmed.get(gateway.name), 'unknown')];
  }
  return pods.map((name) => item(self, { ...gateway, name }, programmed.get(name), 'unknown'));
}

function byName(gateways: readonly GatewayRecord[]): readonly GatewayRecord[] {
  return gateways.toSorted((left, right) => compareText(left.name, right.name));
}

function item(
  cluster: string,
  gateway: GatewayRecord,
  programmed: ProgrammedStatus | undefined,
  probe: GatewayItem['status']['probe'],
): GatewayItem {
  const { name, addresses, weight, draining, modes } = gateway;
  return {
    metadata: { name },
    spec: { cluster, addresses: addresses.map(({ host, port }) => hostPort(host, port)), weight, draining, modes },
    status: { probe, ...(programmed === undefined ? {} : { programmed }) },
  };
}

/** Good when any of its addresses is: one is enough to be reached by. */
function probeOf(gateway: GatewayRecord, probes: ReadonlyMap<string, 'good' | 'bad'>): GatewayItem['status']['probe'] {
  const results = gateway.addresses.map(({ host, port }) => probes.get(hostPort(host, port)));
  if (results.includes('good')) return 'good';
  return results.includes('bad') ? 'bad' : 'unknown';
}
