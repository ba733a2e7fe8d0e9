import type { ClusterId } from '../../federation/model/ids.ts';
import { compareText } from '../../federation/model/ids.ts';
import type { MergedService } from '../../federation/model/state.ts';
import type { WantedCondition } from '../api/objects.ts';
import type { DesiredStatus } from '../apply/desired.ts';
import type { Derived } from './derived-service.ts';
import type { ImportedPort } from './imported-ports.ts';
import type { GatewayPod, ImportsSite, IpFamily } from './input.ts';
import { familyOf } from './pods.ts';
import type { Reach } from './reach.ts';

/**
 * The status of a ServiceImport. Its one condition is the API's: `Ready`. Of its reasons the API names `Ready`, `Pending` and
 * `IPFamilyNotSupported`; ours are those below. `Ready` is true when everything that the import promises can be reached; what can
 * be reached works in any case.
 */
export type ImportReason =
  | 'Ready'
  /** No clusterset IP yet, or the derived Service cannot be written. */
  | 'Pending'
  | 'IPFamilyNotSupported'
  /** Every cluster that exports it is gone; the addresses are kept for its return. */
  | 'NoClusters'
  /** No cluster that exports it grants it to this one. */
  | 'NotGranted'
  /** No gateway pod of this cluster is ready. */
  | 'NoGateway'
  /** A port that gateways do not carry: UDP, or no gateway port was left. */
  | 'NoGatewayPort'
  /** Pods of a headless service that lie behind gateways: they have no names and addresses here. */
  | 'HeadlessNotRoutable';

export interface StatusInput {
  readonly service: MergedService;
  readonly site: ImportsSite;
  readonly reaches: readonly Reach[];
  readonly ports: readonly ImportedPort[];
  readonly gateways: readonly GatewayPod[];
  /** True when pods are reached without gateways. */
  readonly allDirect: boolean;
  readonly derived: Derived | undefined;
  readonly trouble: string | undefined;
  /** Whether slices with the MCS labels are there. */
  readonly sliced: boolean;
}

export function importStatus(input: StatusInput): DesiredStatus {
  const verdict = verdictOf(input);
  const condition: WantedCondition = {
    type: 'Ready',
    status: verdict.reason === 'Ready' ? 'True' : 'False',
    ...verdict,
  };
  const clusters = input.service.backends.map(({ cluster }) => ({ cluster })).sort(byCluster);
  return {
    fields: { clusters, endpointSliceObjects: input.sliced ? 'Present' : 'Absent' },
    conditions: [condition],
  };
}

interface Verdict {
  readonly reason: ImportReason;
  readonly message: string;
}

/** The first thing that is wrong, from what concerns all of it to what concerns a part. */
const CHECKS: readonly ((input: StatusInput) => Verdict | undefined)[] = [
  ({ trouble }) =>
    trouble === undefined
      ? undefined
      : { reason: 'Pending', message: `the derived Service cannot be written: ${trouble}` },
  ({ service, derived }) =>
    service.type === 'ClusterSetIP' && derived === undefined
      ? { reason: 'Pending', message: 'waiting for a clusterset IP' }
      : undefined,
  ({ reaches }) =>
    reaches.length === 0
      ? { reason: 'NoClusters', message: 'every cluster that exports it is gone; its addresses are kept' }
      : undefined,
  ({ reaches }) =>
    reaches.every(({ kind }) => kind === 'refused')
      ? {
          reason: 'NotGranted',
          message: `${named(reaches)} exports it, but does not grant it to this cluster: see its ExportGrants`,
        }
      : undefined,
  ({ service, reaches }) => (service.type === 'Headless' ? headlessVerdict(reaches) : undefined),
  gatewayVerdict,
  familyVerdict,
];

function verdictOf(input: StatusInput): Verdict {
  for (const check of CHECKS) {
    const verdict = check(input);
    if (verdict !== undefined) return verdict;
  }
  return { reason: 'Ready', message: '' };
}

function headlessVerdict(reaches: readonly Reach[]): Verdict | undefined {
  const behind = reaches.filter(({ kind }) => kind === 'gateway');
  if (behind.length === 0) return undefined;
  return {
    reason: 'HeadlessNotRoutable',
    message:
      `pods of ${named(behind)} cannot be reached from here one by one: export the service with a cluster IP, ` +
      'or put the clusters on one network that is declared directly routable',
  };
}

function gatewayVerdict({ service, allDirect, gateways, ports }: StatusInput): Verdict | undefined {
  if (service.type === 'Headless' || allDirect) return undefined;
  if (gateways.length === 0) return { reason: 'NoGateway', message: 'no gateway pod of this cluster is ready' };
  const missing = ports.filter(({ gatewayPort }) => gatewayPort === undefined).map(({ port }) => port);
  if (missing.length === 0) return undefined;
  const texts = missing.slice(0, NAMED_MAX).map(({ port, protocol }) => `${port}/${protocol}`);
  const isUdp = missing.every(({ protocol }) => protocol === 'UDP');
  return {
    reason: 'NoGatewayPort',
    message: `${texts.join(', ')} ${isUdp ? 'is UDP, which gateways do not carry' : 'found no free gateway port'}`,
  };
}

/** Something must be listening in a family that this cluster can use. */
function familyVerdict({ service, site, derived, allDirect, reaches, gateways }: StatusInput): Verdict | undefined {
  const usable: readonly IpFamily[] = service.type === 'Headless' ? site.ipFamilies : (derived?.ipFamilies ?? []);
  const isByPods = service.type === 'Headless' || allDirect;
  const offered = new Set<IpFamily | undefined>(
    isByPods
      ? reaches.flatMap((reach) => ('pods' in reach ? reach.pods.map(({ family }) => family) : []))
      : gateways.flatMap(({ addresses }) => addresses.map(familyOf)),
  );
  // No pod at all is nothing wrong with families.
  if (offered.size === 0 || usable.some((family) => offered.has(family))) return undefined;
  const has = [...offered].filter((family) => family !== undefined).join(' and ');
  return {
    reason: 'IPFamilyNotSupported',
    message: `its endpoints have ${has} addresses, and this cluster uses ${usable.join(' and ')}`,
  };
}

const NAMED_MAX = 5;

function named(reaches: readonly { readonly cluster: ClusterId }[]): string {
  const names = reaches.map(({ cluster }) => cluster).sort(compareText);
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : '';
  return `${names.slice(0, NAMED_MAX).join(', ')}${more}`;
}

function byCluster(left: { readonly cluster: string }, right: { readonly cluster: string }): number {
  return compareText(left.cluster, right.cluster);
}
