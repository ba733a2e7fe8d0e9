import { isDeepStrictEqual } from 'node:util';
import { compareText, type ServiceKey } from '../federation/model/ids.ts';
import { EMPTY_LOCAL_VIEW, type LocalService, type LocalView } from '../federation/model/local.ts';
import { DEFAULT_RECORD_LIMITS } from '../federation/model/records.ts';
import type { SlimGrant } from '../federation/model/export-grants.ts';
import type { SitePolicies } from '../federation/model/site-policies.ts';
import type { Finding } from '../runtime/errors.ts';
import type { FileDocuments } from './file-content.ts';
import { foldDecisions, type FoldedDecisions, grantedTo, grantsOf, NOTHING_DECIDED } from './fold-decisions.ts';
import type { FileService } from './service.ts';

/**
 * The last good documents of every file, folded into one `LocalView` and one `SitePolicies`. Pure. Work follows the change: services of files
 * that did not change are taken over by identity, and an equal service of a changed file keeps its old object.
 */
export const FILE_SET_LIMITS = {
  filesMax: 2_000,
  servicesMax: DEFAULT_RECORD_LIMITS.servicesMax,
  /** The size that DESIGN's memory target is set for. */
  endpointsMax: 100_000,
} as const;

export interface FileState {
  readonly file: string;
  /** Last good; of a file that never was valid nothing but grants that close. */
  readonly documents: FileDocuments;
  /** Why the file's newest content is not what `documents` shows, or what of it is not done. */
  readonly findings: readonly Finding[];
}

/** When an export without `exportedAt` was first seen. Answers the same for the same key until it is forgotten. */
export type FirstSeen = (key: ServiceKey) => number;

interface Entry {
  readonly from: FileService;
  /** Of its namespace. */
  readonly grants: readonly SlimGrant[];
  readonly local: LocalService;
}

export interface Folded {
  readonly view: LocalView;
  readonly decisions: FoldedDecisions;
  readonly findings: readonly Finding[];
  readonly entries: ReadonlyMap<ServiceKey, Entry>;
}

export const NOTHING_FOLDED: Folded = {
  view: EMPTY_LOCAL_VIEW,
  decisions: NOTHING_DECIDED,
  findings: [],
  entries: new Map(),
};

export function policiesOf({ decisions }: Folded): SitePolicies {
  return decisions.value;
}

export function fold(files: readonly FileState[], firstSeen: FirstSeen, previous: Folded): Folded {
  const findings: Finding[] = [];
  const entries = new Map<ServiceKey, Entry>();
  const sorted = files.toSorted((left, right) => compareText(left.file, right.file));
  const decisions = foldDecisions(
    sorted.map(({ documents }) => documents),
    previous.decisions,
  );
  let endpoints = 0;
  for (const { documents, findings: own } of sorted) {
    findings.push(...own);
    for (const from of documents.services) {
      const { key } = from.service;
      const first = entries.get(key);
      const more = endpoints + from.service.endpoints.length;
      if (first !== undefined) findings.push(twice(from, first.from));
      else if (entries.size >= FILE_SET_LIMITS.servicesMax) findings.push(tooMany(from, 'services'));
      else if (more > FILE_SET_LIMITS.endpointsMax) findings.push(tooMany(from, 'endpoints'));
      else {
        const grants = grantsOf(decisions, from.service.namespace);
        entries.set(key, enter({ from, grants }, firstSeen, previous.entries.get(key)));
        endpoints = more;
      }
    }
  }
  findings.push(...decisions.findings);
  return keepIdentity({ view: viewOf(entries), decisions, findings, entries }, previous);
}

function enter(
  { from, grants }: Pick<Entry, 'from' | 'grants'>,
  firstSeen: FirstSeen,
  previous: Entry | undefined,
): Entry {
  if (previous?.from === from && previous.grants === grants) return previous;
  const { exported, key } = from.service;
  // Not exported: there is no creation time of an export.
  const exportedAtMs = exported ? (from.exportedAtMs ?? firstSeen(key)) : 0;
  const local: LocalService = { ...from.service, grantedTo: grantedTo(from.service, grants), exportedAtMs };
  const isSame = previous !== undefined && isDeepStrictEqual(previous.local, local);
  return { from, grants, local: isSame ? previous.local : local };
}

function viewOf(entries: ReadonlyMap<ServiceKey, Entry>): LocalView {
  const sorted = [...entries].toSorted(([left], [right]) => compareText(left, right));
  return { services: new Map(sorted.map(([key, { local }]) => [key, local])) };
}

function keepIdentity(next: Folded, previous: Folded): Folded {
  const before = previous.view.services;
  const same =
    before.size === next.view.services.size &&
    [...next.view.services].every(([key, service]) => before.get(key) === service);
  return {
    view: same ? previous.view : next.view,
    decisions: next.decisions,
    findings: isDeepStrictEqual(next.findings, previous.findings) ? previous.findings : next.findings,
    entries: next.entries,
  };
}

function twice(second: FileService, first: FileService): Finding {
  return {
    severity: 'error',
    reason: 'DuplicateService',
    message: `service ${second.service.key} is defined at ${first.file}:${first.line} already, which is used`,
    file: second.file,
    line: second.line,
    field: 'metadata.name',
    hint: 'keep one of the two',
  };
}

function tooMany(from: FileService, what: 'services' | 'endpoints'): Finding {
  const limit = what === 'services' ? FILE_SET_LIMITS.servicesMax : FILE_SET_LIMITS.endpointsMax;
  return {
    severity: 'error',
    reason: 'TooMany',
    message: `service ${from.service.key} is left out: all files together have more than ${limit} ${what}`,
    file: from.file,
    line: from.line,
  };
}
