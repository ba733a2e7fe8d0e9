import type { Finding } from '../runtime/errors.ts';
import { parseDocuments, type SourceDocument } from './documents/parse.ts';
import { API_VERSION, describe, findingAt } from './documents/validate.ts';
import { nearest } from './documents/nearest.ts';
import { type FileService, readService } from './service.ts';

/**
 * One file's text to its services. All or nothing: a file with any error yields no services, so that its last good ones
 * are kept whole instead of a mixture of old and new.
 */
export type FileContent =
  | { readonly ok: true; readonly services: readonly FileService[] }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/** Kinds that may stand in the same files but are read by others. */
const OTHER_KINDS = ['Site'];

export function readServicesFile(text: string, file: string): FileContent {
  const { documents, findings: syntax } = parseDocuments(text, file);
  if (documents.length === 0 && syntax.length === 0) return { ok: false, findings: [emptyFile(file)] };
  const findings = [...syntax];
  const services = new Map<string, FileService>();
  for (const document of documents) {
    const kind = kindOf(document);
    if (kind.known && kind.kind !== 'Service') continue;
    if (!kind.known) {
      findings.push(kind.finding);
      continue;
    }
    const read = readService(document);
    findings.push(...read.findings);
    if (read.service === undefined) continue;
    const { key } = read.service.service;
    const first = services.get(key);
    if (first !== undefined) {
      const message = `service ${key} stands in this file twice, first on line ${first.line}`;
      findings.push(findingAt(document, ['metadata', 'name'], { reason: 'DuplicateService', message }));
    }
    services.set(key, first ?? read.service);
  }
  return findings.length > 0 ? { ok: false, findings } : { ok: true, services: [...services.values()] };
}

/** A writer truncates a file before it fills it: nothing in a file means "being written", never "no services". */
export function emptyFile(file: string): Finding {
  return {
    severity: 'error',
    reason: 'EmptyFile',
    message: 'the file holds no document',
    file,
    line: 1,
    hint: 'delete the file to remove its services',
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
  const kinds = ['Service', ...OTHER_KINDS];
  if (kind === undefined)
    return refuse(['kind'], 'MissingField', 'the field is required', `one of ${kinds.join(', ')}`);
  if (typeof kind !== 'string' || !kinds.includes(kind)) {
    const meant = typeof kind === 'string' ? nearest(kind, kinds) : undefined;
    const hint = meant === undefined ? `known kinds: ${kinds.join(', ')}` : `did you mean "${meant}"?`;
    return refuse(['kind'], 'UnknownKind', `unknown kind: ${describe(kind)}`, hint);
  }
  // A missing or wrong version of a known kind is left to its schema, which reports it beside the rest.
  if (apiVersion !== undefined && apiVersion !== API_VERSION) {
    const hint = kind === 'Service' && apiVersion === 'v1' ? 'a Kubernetes Service is not read from files' : undefined;
    return refuse(['apiVersion'], 'UnknownVersion', `expected ${API_VERSION}, got ${describe(apiVersion)}`, hint);
  }
  return { known: true, kind };
}
