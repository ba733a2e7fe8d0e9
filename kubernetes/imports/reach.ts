import { checkGatewayAddress } from '../../federation/model/addresses.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { LocalService } from '../../federation/model/local.ts';
import type { MergedService, ServiceBackend } from '../../federation/model/state.ts';
import type { ImportsSite } from './input.ts';
import { localPods, type Pod, remotePods } from './pods.ts';

/** How pods of this cluster get to one cluster's share of a service. */
export type Reach =
  /** Own pods. */
  | { readonly kind: 'own'; readonly cluster: ClusterId; readonly pods: readonly Pod[] }
  /** Pods of another cluster, routed to directly. `refused`: addresses that were left out, because they may not be theirs. */
  | { readonly kind: 'direct'; readonly cluster: ClusterId; readonly pods: readonly Pod[]; readonly refused: number }
  | { readonly kind: 'gateway'; readonly cluster: ClusterId; readonly backend: ServiceBackend }
  /** Its exporter does not grant it to us. */
  | { readonly kind: 'refused'; readonly cluster: ClusterId };

/** One entry a backend, in their order. */
export function reachesOf(
  service: MergedService,
  local: LocalService | undefined,
  site: ImportsSite,
): readonly Reach[] {
  return service.backends.map((backend) => reachOf(backend, service, local, site));
}

function reachOf(
  backend: ServiceBackend,
  service: MergedService,
  local: LocalService | undefined,
  site: ImportsSite,
): Reach {
  const { cluster, network, direct, grantedTo } = backend;
  if (cluster === site.cluster) return { kind: 'own', cluster, pods: localPods(service, local, site) };
  if (grantedTo !== undefined && !grantedTo.includes(site.cluster)) return { kind: 'refused', cluster };
  if (!site.directPods || network !== site.network || direct === undefined) {
    return { kind: 'gateway', cluster, backend };
  }
  const pods = remotePods(service, backend, direct);
  const allowed = pods.filter(({ address }) => mayBeRemote(address, site));
  return { kind: 'direct', cluster, pods: allowed, refused: pods.length - allowed.length };
}

/**
 * A record that names our own pods, our API server or a metadata service would make this cluster's clients a confused
 * deputy (CVE-2021-25740).
 */
function mayBeRemote(address: string, { dev, ownRanges }: ImportsSite): boolean {
  return checkGatewayAddress(address, { dev, ownRanges }).ok;
}

/** True when every share can be reached without a gateway, and the network is meant to be used that way. */
export function isAllDirect(reaches: readonly Reach[], site: ImportsSite): boolean {
  const usable = reaches.filter(({ kind }) => kind !== 'refused');
  return site.directPods && usable.length > 0 && usable.every(({ kind }) => kind === 'own' || kind === 'direct');
}
