import type { SlimGrant } from '../federation/model/export-grants.ts';
import type { FailoverPolicy } from '../federation/model/failover-policies.ts';
import { isDnsLabel } from '../federation/model/ids.ts';
import { assertNever, type Finding } from '../runtime/errors.ts';
import { CLUSTER_SET_SCHEMA, type ClusterSetSpec } from './documents/kinds/cluster-set.ts';
import { EXPORT_GRANT_SCHEMA } from './documents/kinds/export-grant.ts';
import { FAILOVER_POLICY_SCHEMA, failoverOrderOf } from './documents/kinds/failover-policy.ts';
import { slimGrant } from './documents/kinds/slim-grant.ts';
import type { SourceDocument } from './documents/parse.ts';
import { findingAt, validate } from './documents/validate.ts';

/** Documents that decide about services instead of being some: who may call them, in which order, and what is taken in. Pure. */
export const DECISION_KINDS = ['ExportGrant', 'FailoverPolicy', 'ClusterSet'] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

interface Placed {
  readonly file: string;
  readonly line: number;
}

export interface FileGrant extends Placed {
  /** Absent: the document does not say it readably, so that it could be any. */
  readonly namespace: string | undefined;
  readonly grant: SlimGrant;
}

export interface FilePolicy extends Placed {
  readonly policy: FailoverPolicy;
}

export interface FileClusterSet extends Placed {
  readonly spec: ClusterSetSpec;
}

export type Decision =
  | { readonly kind: 'ExportGrant'; readonly grant: FileGrant }
  | { readonly kind: 'FailoverPolicy'; readonly policy: FilePolicy }
  | { readonly kind: 'ClusterSet'; readonly clusterSet: FileClusterSet };

export interface ReadDecision {
  /** Of a grant also when it cannot be honoured: somebody meant to restrict its exports. */
  readonly decision: Decision | undefined;
  readonly findings: readonly Finding[];
}

export function isDecisionKind(kind: string): kind is DecisionKind {
  return DECISION_KINDS.some((one) => one === kind);
}

export function readDecision(document: SourceDocument, kind: DecisionKind): ReadDecision {
  const { file, line } = document;
  switch (kind) {
    case 'ExportGrant':
      return readGrant(document);
    case 'FailoverPolicy': {
      const result = validate(FAILOVER_POLICY_SCHEMA, document);
      if (!result.ok) return { decision: undefined, findings: result.findings };
      const { metadata, spec } = result.value;
      const { namespace, name } = metadata;
      const policy = { namespace, name, createdAtMs: 0, services: spec.services, order: failoverOrderOf(spec) };
      return { decision: { kind, policy: { file, line, policy } }, findings: [] };
    }
    case 'ClusterSet': {
      const result = validate(CLUSTER_SET_SCHEMA, document);
      if (!result.ok) return { decision: undefined, findings: result.findings };
      return { decision: { kind, clusterSet: { file, line, spec: result.value.spec } }, findings: [] };
    }
    default:
      return assertNever(kind);
  }
}

function readGrant(document: SourceDocument): ReadDecision {
  const { file, line } = document;
  const result = validate(EXPORT_GRANT_SCHEMA, document);
  const { name, namespace } = result.ok ? result.value.metadata : looseMetadata(document);
  const { spec }: { readonly spec?: unknown } = isFields(document.value) ? document.value : {};
  const read = slimGrant(name, spec);
  const grant = result.ok ? read : { ...read, refused: read.refused ?? 'the document is not valid' };
  const decision: Decision = { kind: 'ExportGrant', grant: { file, line, namespace, grant } };
  if (!result.ok) return { decision, findings: result.findings };
  return { decision, findings: grant.refused === undefined ? [] : [notHonoured(document, grant.refused)] };
}

/** `refused` begins with the field. */
function notHonoured(document: SourceDocument, refused: string): Finding {
  const [field = '', ...rest] = refused.split(' ');
  const path = ['spec', 'to', Number(/\[(\d+)\]/.exec(field)?.[1] ?? 0), field.slice(field.lastIndexOf('.') + 1)];
  const what = { severity: 'warning', reason: 'NotSupported', hint: 'until then the grant grants nothing' } as const;
  return findingAt(document, path, { ...what, message: rest.join(' ') });
}

function looseMetadata({ value }: SourceDocument): { readonly name: string; readonly namespace: string | undefined } {
  const metadata = isFields(value) && isFields(value['metadata']) ? value['metadata'] : {};
  const { name, namespace = 'default' } = metadata;
  return {
    name: typeof name === 'string' ? name : '',
    namespace: typeof namespace === 'string' && isDnsLabel(namespace) ? namespace : undefined,
  };
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
