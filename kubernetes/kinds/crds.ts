import type { z } from 'zod';
import { CLUSTER_SET_NAME } from '../../sources/documents/kinds/kind-fields.ts';
import { CLUSTER_SET_SPEC } from '../../sources/documents/kinds/cluster-set.ts';
import { EXPORT_GRANT_SPEC } from '../../sources/documents/kinds/export-grant.ts';
import { FAILOVER_POLICY_SPEC } from '../../sources/documents/kinds/failover-policy.ts';
import { CLUSTER_SETS, EXPORT_GRANTS, FAILOVER_POLICIES, PEERS, type Resource } from '../api/resources.ts';
import { structuralSchema, type StructuralSchema } from './crd-schema.ts';
import { CLUSTER_SET_STATUS, EXPORT_GRANT_STATUS, FAILOVER_POLICY_STATUS, PEER_STATUS } from './status-schema.ts';

/** The CustomResourceDefinitions of our kinds, made from the schemas that also check files. */
export interface OwnKind {
  readonly resource: Resource;
  readonly description: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  /** Absent: nobody but us says anything of it. */
  readonly spec?: z.ZodType | undefined;
  readonly isSpecRequired?: boolean;
  readonly status: z.ZodType;
  readonly columns: readonly Column[];
  readonly rules?: readonly { readonly rule: string; readonly message: string }[];
}

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description?: string;
  /** 1: with `-o wide` only. */
  readonly priority?: number;
}

const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

function condition(type: string, priority?: number): Column {
  const jsonPath = `.status.conditions[?(@.type=="${type}")].status`;
  return { name: type, type: 'string', jsonPath, ...(priority === undefined ? {} : { priority }) };
}

function reason(type: string): Column {
  return {
    name: 'Reason',
    type: 'string',
    jsonPath: `.status.conditions[?(@.type=="${type}")].reason`,
    priority: 1,
  };
}

export const OWN_KINDS: readonly OwnKind[] = [
  {
    resource: CLUSTER_SETS,
    description: 'ClusterSet says what this cluster takes from its clusterset. Its status tells of the clusterset.',
    singular: 'clusterset',
    shortNames: ['cset'],
    spec: CLUSTER_SET_SPEC,
    status: CLUSTER_SET_STATUS,
    columns: [
      { name: 'Clusterset', type: 'string', jsonPath: '.status.clusterset' },
      { name: 'Cluster', type: 'string', jsonPath: '.status.cluster' },
      { name: 'Members', type: 'integer', jsonPath: '.status.members.active' },
      { name: 'Live', type: 'integer', jsonPath: '.status.members.live', description: 'Other members.' },
      { name: 'Imported', type: 'integer', jsonPath: '.status.services.imported' },
      condition('Ready'),
      AGE,
    ],
    rules: [
      {
        rule: `self.metadata.name == '${CLUSTER_SET_NAME}'`,
        message: `metadata.name: a cluster has one ClusterSet, named ${CLUSTER_SET_NAME}`,
      },
    ],
  },
  {
    resource: PEERS,
    description: 'Peer tells of one other cluster of the clusterset. Written by Isthmus alone.',
    singular: 'peer',
    shortNames: [],
    status: PEER_STATUS,
    columns: [
      { name: 'Verdict', type: 'string', jsonPath: '.status.verdict' },
      { name: 'Network', type: 'string', jsonPath: '.status.network' },
      { name: 'Gateways', type: 'integer', jsonPath: '.status.gatewayCount' },
      { name: 'Services', type: 'integer', jsonPath: '.status.services' },
      condition('Ready'),
      reason('Ready'),
      { name: 'Since', type: 'date', jsonPath: '.status.since' },
      { name: 'Version', type: 'string', jsonPath: '.status.softwareVersion', priority: 1 },
      AGE,
    ],
  },
  {
    resource: EXPORT_GRANTS,
    description: 'ExportGrant says which clusters may call exports of its namespace.',
    singular: 'exportgrant',
    shortNames: ['xgrant'],
    spec: EXPORT_GRANT_SPEC,
    isSpecRequired: true,
    status: EXPORT_GRANT_STATUS,
    columns: [
      { name: 'Clusters', type: 'integer', jsonPath: '.status.clusters' },
      { name: 'Exports', type: 'integer', jsonPath: '.status.exports' },
      condition('Accepted'),
      reason('Accepted'),
      condition('ResolvedRefs', 1),
      condition('Programmed'),
      AGE,
    ],
  },
  {
    resource: FAILOVER_POLICIES,
    description: 'FailoverPolicy says in which order callers of this cluster use the clusters that export a service.',
    singular: 'failoverpolicy',
    shortNames: ['fop'],
    spec: FAILOVER_POLICY_SPEC,
    isSpecRequired: true,
    status: FAILOVER_POLICY_STATUS,
    columns: [
      { name: 'Services', type: 'integer', jsonPath: '.status.services' },
      condition('Accepted'),
      reason('Accepted'),
      condition('Conflict'),
      condition('ResolvedRefs', 1),
      condition('Programmed'),
      AGE,
    ],
  },
];

export interface Crd {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
}

export function crdOf(own: OwnKind): Crd {
  const { resource, singular, shortNames, columns } = own;
  const { group, version, plural, kind, scope } = resource;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { 'app.kubernetes.io/name': 'isthmus' } },
    spec: {
      group,
      scope,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        ...(shortNames.length === 0 ? {} : { shortNames }),
        categories: ['isthmus'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: objectSchema(own) },
        },
      ],
    },
  };
}

/** Server-side apply of an empty spec over one with fields makes it null, and must not fail for that. */
function specSchema(spec: z.ZodType, { isRequired }: { readonly isRequired: boolean }): StructuralSchema {
  const schema = structuralSchema(spec);
  return isRequired ? schema : { ...schema, nullable: true };
}

function objectSchema({ description, spec, isSpecRequired, status, rules }: OwnKind): StructuralSchema {
  return {
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      ...(spec === undefined ? {} : { spec: specSchema(spec, { isRequired: isSpecRequired === true }) }),
      status: structuralSchema(status),
    },
    ...(isSpecRequired === true ? { required: ['spec'] } : {}),
    ...(rules === undefined ? {} : { 'x-kubernetes-validations': rules }),
  };
}
