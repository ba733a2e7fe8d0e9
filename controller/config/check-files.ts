import type { Finding } from '../../runtime/errors.ts';
import { parseDocuments, type SourceDocument } from '../../sources/documents/parse.ts';
import { findingAt, validate } from '../../sources/documents/validate.ts';
import { type DecisionKind, isDecisionKind, readDecision } from '../../sources/decision.ts';
import { emptyFile, kindOf } from '../../sources/file-content.ts';
import { readService } from '../../sources/service.ts';
import { siteProblems } from './site-checks.ts';
import { SITE_SCHEMA } from './site-schema.ts';

/** Everything that is wrong with a set of files, read as `config validate` reads them: each by its own kind. Pure. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
}

/** The documents of a file by kind, unvalidated, with what already is wrong. */
export interface SortedDocuments {
  readonly sites: readonly SourceDocument[];
  readonly services: readonly SourceDocument[];
  readonly decisions: readonly DecisionDocument[];
  readonly findings: readonly Finding[];
}

/** A document that decides about services. */
export interface DecisionDocument {
  readonly kind: DecisionKind;
  readonly document: SourceDocument;
}

export function sortDocuments({ file, text }: SourceFile): SortedDocuments {
  const { documents, findings: syntax } = parseDocuments(text, file);
  const sites: SourceDocument[] = [];
  const services: SourceDocument[] = [];
  const decisions: DecisionDocument[] = [];
  const findings = [...syntax];
  if (documents.length === 0 && syntax.length === 0) findings.push(emptyFile(file));
  for (const document of documents) {
    const kind = kindOf(document);
    if (!kind.known) findings.push(kind.finding);
    else if (kind.kind === 'Site') sites.push(document);
    else if (isDecisionKind(kind.kind)) decisions.push({ kind: kind.kind, document });
    else services.push(document);
  }
  return { sites, services, decisions, findings };
}

export interface FilesReport {
  readonly findings: readonly Finding[];
  readonly sites: number;
  readonly services: number;
  /** Grants, failover policies, clustersets. */
  readonly decisions: number;
}

export function checkFiles(files: readonly SourceFile[]): FilesReport {
  const findings: Finding[] = [];
  const sites: SourceDocument[] = [];
  const services: SourceDocument[] = [];
  const decisions: DecisionDocument[] = [];
  for (const file of files) {
    const sorted = sortDocuments(file);
    const inFile = [...sorted.findings];
    for (const site of sorted.sites) {
      const result = validate(SITE_SCHEMA, site);
      inFile.push(...(result.ok ? [] : result.findings), ...siteProblems(site));
    }
    inFile.push(...sorted.services.flatMap((service) => readService(service).findings));
    inFile.push(...sorted.decisions.flatMap(({ document, kind }) => readDecision(document, kind).findings));
    inFile.push(...duplicateDecisions(sorted.decisions, decisions));
    inFile.push(...duplicateClusters(sorted.sites, sites), ...duplicateServices(sorted.services, services));
    findings.push(...byLine(inFile));
    sites.push(...sorted.sites);
    services.push(...sorted.services);
    decisions.push(...sorted.decisions);
  }
  return { findings, sites: sites.length, services: services.length, decisions: decisions.length };
}

/** Two sites that call themselves by one cluster name would fight for one identity. */
export function duplicateClusters(sites: readonly SourceDocument[], before: readonly SourceDocument[]): Finding[] {
  return duplicates(sites, before, 'DuplicateCluster', (document) => {
    const name = metadataOf(document)['name'];
    return typeof name === 'string' ? `cluster ${name}` : undefined;
  });
}

function duplicateServices(services: readonly SourceDocument[], before: readonly SourceDocument[]): Finding[] {
  return duplicates(services, before, 'DuplicateService', (document) => {
    const { name, namespace = 'default' } = metadataOf(document);
    return typeof name === 'string' ? `service ${String(namespace)}/${name}` : undefined;
  });
}

function duplicateDecisions(decisions: readonly DecisionDocument[], before: readonly DecisionDocument[]): Finding[] {
  const kinds = new Map([...before, ...decisions].map(({ document, kind }) => [document, kind]));
  const documents = (of: readonly DecisionDocument[]) => of.map(({ document }) => document);
  return duplicates(documents(decisions), documents(before), 'Duplicate', (document) => {
    const { name, namespace = 'default' } = metadataOf(document);
    const kind = kinds.get(document);
    if (typeof name !== 'string' || kind === undefined) return undefined;
    return kind === 'ClusterSet' ? `${kind} ${name}` : `${kind} ${String(namespace)}/${name}`;
  });
}

function duplicates(
  documents: readonly SourceDocument[],
  before: readonly SourceDocument[],
  reason: string,
  nameOf: (document: SourceDocument) => string | undefined,
): Finding[] {
  const first = new Map<string, SourceDocument>();
  const findings: Finding[] = [];
  for (const document of [...before, ...documents]) {
    const name = nameOf(document);
    if (name === undefined) continue;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, document);
    if (earlier === undefined || before.includes(document)) continue;
    const message = `${name} is defined at ${earlier.file}:${earlier.lineOf(['metadata', 'name'])} already`;
    findings.push(findingAt(document, ['metadata', 'name'], { reason, message }));
  }
  return findings;
}

function metadataOf(document: SourceDocument): Readonly<Record<string, unknown>> {
  // `kindOf` has let maps through only; metadata itself is checked here.
  const { metadata } = document.value as { readonly metadata?: unknown };
  return typeof metadata === 'object' && metadata !== null ? { ...metadata } : {};
}

export function byLine(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((left, right) => (left.line ?? 0) - (right.line ?? 0));
}
