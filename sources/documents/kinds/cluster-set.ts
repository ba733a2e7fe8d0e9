import { z } from 'zod';
import { type ImportFilter, importFilter } from '../../../federation/model/imports.ts';
import { parseClusterId } from '../../../federation/model/ids.ts';
import type { ImportPins } from '../../../federation/model/state.ts';
import {
  apiVersion,
  CLUSTER_SET_METADATA,
  importEntry,
  KIND_LIMITS as LIMITS,
  label,
  mapBy,
  setOf,
} from './kind-fields.ts';

/** The kind `ClusterSet`: what this cluster takes from its clusterset. Its status tells of the clusterset. */
const PIN = z.strictObject({
  namespace: label('namespace').describe('Namespace of services.'),
  clusters: setOf('cluster name', LIMITS.clustersMax).describe(
    'The only clusters whose exports count in this namespace. The own cluster counts when it is listed.',
  ),
});

const IMPORTS = z
  .array(importEntry())
  .max(LIMITS.importsMax, { error: `at most ${LIMITS.importsMax} entries are allowed` })
  .refine((entries) => new Set(entries).size === entries.length, {
    error: 'an entry stands here twice',
    params: { reason: 'Duplicate' },
  })
  .meta({ 'x-kubernetes-list-type': 'set' });

export const CLUSTER_SET_SPEC = z
  .strictObject({
    importPins: mapBy(PIN, 'namespace', LIMITS.namespacesMax)
      .optional()
      .describe('Which clusters may supply a namespace. A namespace that is not listed is supplied by any of them.'),
    imports: IMPORTS.optional().describe(
      'Services of other clusters that this cluster takes in: namespaces, or `NAMESPACE/NAME`. Absent: as the Site says. ' +
        'Services that this cluster exports itself are always taken in.',
    ),
  })
  .describe('What is taken in.');

export const CLUSTER_SET_SCHEMA = z
  .strictObject({
    apiVersion: apiVersion(),
    kind: z.literal('ClusterSet'),
    metadata: CLUSTER_SET_METADATA,
    spec: CLUSTER_SET_SPEC.prefault({}),
  })
  .describe('Isthmus ClusterSet: what this cluster takes from its clusterset.');

export type ClusterSetSpec = z.output<typeof CLUSTER_SET_SPEC>;

/** Absent: any cluster may supply any namespace. */
export function importPinsOf({ importPins }: ClusterSetSpec): ImportPins | undefined {
  if (importPins === undefined) return undefined;
  return new Map(importPins.map(({ namespace, clusters }) => [namespace, clusters.map(parseClusterId)]));
}

/** Absent: as the Site says. */
export function importsOf({ imports }: ClusterSetSpec): ImportFilter | undefined {
  return importFilter(imports);
}
