import type { FailoverPolicy } from '../../federation/model/failover-policies.ts';
import { CLUSTER_SET_SPEC, type ClusterSetSpec } from '../../sources/documents/kinds/cluster-set.ts';
import { EXPORT_GRANT_SPEC, type ExportGrantSpec } from '../../sources/documents/kinds/export-grant.ts';
import { FAILOVER_POLICY_SPEC, failoverOrderOf } from '../../sources/documents/kinds/failover-policy.ts';
import { type ReadSpec, readSpec } from '../../sources/documents/kinds/read-spec.ts';
import type { KubeObject } from '../api/objects.ts';

/**
 * Objects of our kinds as values. The API server has checked them, but under the definition of the day on which they were
 * written: what does not fit the one of today is told in a condition, and nothing else suffers.
 */
export interface SpecObject extends KubeObject {
  readonly spec?: unknown;
}

export function readFailoverPolicy({ metadata, spec }: SpecObject): ReadSpec<FailoverPolicy> {
  const read = readSpec(FAILOVER_POLICY_SPEC, spec);
  if (!read.ok) return read;
  const { namespace = '', name, creationTimestamp = '' } = metadata;
  const createdAtMs = Date.parse(creationTimestamp) || 0;
  const { services } = read.value;
  return { ok: true, value: { namespace, name, createdAtMs, services, order: failoverOrderOf(read.value) } };
}

export function readClusterSet({ spec }: SpecObject): ReadSpec<ClusterSetSpec> {
  return readSpec(CLUSTER_SET_SPEC, spec ?? {});
}

export function readExportGrant({ spec }: SpecObject): ReadSpec<ExportGrantSpec> {
  return readSpec(EXPORT_GRANT_SPEC, spec);
}
