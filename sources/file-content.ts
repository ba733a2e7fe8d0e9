import type { Finding } from '../runtime/errors.ts';
import {
  type Decision,
  DECISION_KINDS,
  type FileClusterSet,
  type FileGrant,
  type FilePolicy,
  isDecisionKind,
  readDecision,
} from './decision.ts';
import { parseDocuments, type SourceDocument } from './documents/parse.ts';
import { API_VERSION, describe, findingAt } from './documents/validate.ts';
import { nearest } from './documents/nearest.ts';
import { type FileService, readService } from './service.ts';

/**
 * One file's text to what it says. All or nothing: a file with any error says nothing, so that its last good content is
 * kept whole instead of a mixture of old and new.
 */
export interface FileDocuments {
  readonly services: readonly FileService[];
  readonly grants: readonly FileGrant[];
  readonly policies: readonly FilePolicy[];
  readonly clusterSets: readonly FileClusterSet[];
}

export type FileContent =
  | (FileDocuments & { readonly ok: true; readonly warnings: readonly Finding[] })
  | {
      readonly ok: false;
      readonly findings: readonly Finding[];
      /**
       * What the file's grants would restrict, granting nothing. For a file that never was valid: without its grants the
       * exports that they name would be open to all.
       */
      readonly closing: readonly FileGrant[];
    };

export const NO_DOCUMENTS: FileDocuments = { services: [], grants: [], policies: [], clusterSets: [] };

/** Kinds that may stand in the same files but are read by others. */
const OTHER_KINDS = ['Site'];
const KINDS = ['Service', ...DECISION_KINDS, ...OTHER_KINDS];

export function readServicesFile(text: string, file: string): FileContent {
  const { documents, findings: syntax } = parseDocuments(text, file);
  if (documents.length === 0 && syntax.length === 0) return { ok: false, findings: [emptyFile(file)], closing: [] };
  const findings = [...syntax];
  const services = new Map<string, FileService>();
  const decisions: Decision[] = [];
  for (const document of documents) {
    const kind = kindOf(document);
    if (!kind.known) {
      findings.push(kind.finding);
    } else if (isDecisionKind(kind.kind)) {
      const read = readDecision(document, kind.kind);
      findings.push(...read.findings);
      if (read.decision !== undefined) decisions.push(read.decision);
    } else if (kind.kind === 'Service') {
      findings.push(...takeService(document, services));
    }
  }
  const sorted = sortDecisions(decisions);
  if (!findings.some(({ severity }) => severity === 'error')) {
    return { ok: true, services: [...services.values()], ...sorted, warnings: findings };
  }
  return {
    ok: false,
    findings,
    closing: closingGrants({ text, file, isReadable: syntax.length === 0 }, sorted.grants),
  };
}

function takeService(document: SourceDocument, services: Map<string, FileService>): readonly Finding[] {
  const { service, findings } = readService(document);
  if (service === undefined) return findings;
  const { key } = service.service;
  const first = services.get(key);
  services.set(key, first ?? service);
  if (first === undefined) return findings;
  const message = `service ${key} stands in this file twice, first on line ${first.line}`;
  return [...findings, findingAt(document, ['metadata', 'name'], { reason: 'DuplicateService', message })];
}

function sortDecisions(decisions: readonly Decision[]): Omit<FileDocuments, 'services'> {
  return {
    grants: decisions.flatMap((one) => (one.kind === 'ExportGrant' ? [one.grant] : [])),
    policies: decisions.flatMap((one) => (one.kind === 'FailoverPolicy' ? [one.policy] : [])),
    clusterSets: decisions.flatMap((one) => (one.kind === 'ClusterSet' ? [one.clusterSet] : [])),
  };
}

const REFUSED = 'its file is not valid';

/** A text that is no YAML may hold any grant for any namespace, if it speaks of grants at all. */
function closingGrants(
  { text, file, isReadable }: { readonly text: string; readonly file: string; readonly isReadable: boolean },
  grants: readonly FileGrant[],
): readonly FileGrant[] {
  if (isReadable || !text.includes('ExportGrant')) {
    return grants.map((one) => ({ ...one, grant: { ...one.grant, refused: one.grant.refused ?? REFUSED } }));
  }
  return [{ file, line: 1, namespace: undefined, grant: { name: '', clusters: [], refused: REFUSED } }];
}

/** A writer truncates a file before it fills it: nothing in a file means "being written", never "no services". */
export function emptyFile(file: string): Finding {
  return {
    severity: 'error',
    reason: 'EmptyFile',
    message: 'the file holds no document',
    file,
    line: 1,
    hint: 'delete the file to remove what it says',
  };
}

export type Kind =
  | { readonly known: true; readonly kind: string }
  | { readonly known: false; readonly finding: Finding };

/** What a document says it is, or the finding that it is nothing of ours. */
export function kindOf(document: SourceDocument): Kind {
  const refuse = (path: readonly string[], reason: string, message: string, hint?: string): Kind => {
    const finding = findingAt(document, path, { reason, message, ...(hint === undefined ? {} : { hint }) });
    return { known: false, finding };
  };
  const { value } = document;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse([], 'WrongType', `expected a document with apiVersion and kind, got ${describe(value)}`);
  }
  const apiVersion = 'apiVersion' in value ? value.apiVersion : undefined;
  const kind = 'kind' in value ? value.kind : undefined;
  if (kind === undefined)
    return refuse(['kind'], 'MissingField', 'the field is required', `one of ${KINDS.join(', ')}`);
  if (typeof kind !== 'string' || !KINDS.includes(kind)) {
    const meant = typeof kind === 'string' ? nearest(kind, KINDS) : undefined;
    const hint = meant === undefined ? `known kinds: ${KINDS.join(', ')}` : `did you mean "${meant}"?`;
    return refuse(['kind'], 'UnknownKind', `unknown kind: ${describe(kind)}`, hint);
  }
  // A missing or wrong version of a known kind is left to its schema, which reports it beside the rest.
  if (apiVersion !== undefined && apiVersion !== API_VERSION) {
    const hint = kind === 'Service' && apiVersion === 'v1' ? 'a Kubernetes Service is not read from files' : undefined;
    return refuse(['apiVersion'], 'UnknownVersion', `expected ${API_VERSION}, got ${describe(apiVersion)}`, hint);
  }
  return { known: true, kind };
}
