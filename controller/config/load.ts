import { dirname, resolve } from 'node:path';
import type { Finding } from '../../runtime/errors.ts';
import { formatPath, type SourceDocument } from '../../sources/documents/parse.ts';
import { API_VERSION, findingAt, type OriginOf, validate } from '../../sources/documents/validate.ts';
import { readSmallFile } from '../../sources/read-file.ts';
import { readDecision } from '../../sources/decision.ts';
import { readService } from '../../sources/service.ts';
import { byLine, duplicateClusters, type SortedDocuments, sortDocuments } from './check-files.ts';
import { type Environment, type Flags, mistypedVariables, override } from './overrides.ts';
import { CONFIG_FILE_VARIABLE, SETTINGS } from './settings.ts';
import { type ResolvePath, type SiteConfig, toSiteConfig } from './site.ts';
import { siteProblems } from './site-checks.ts';
import { SITE_SCHEMA } from './site-schema.ts';

/**
 * The configuration of a controller: file < environment < flags. Either everything is right, or every problem is named
 * and nothing starts.
 */
export interface ConfigInputs {
  /** `--config`; else the variable ISTHMUS_CONFIG; else there is no file. */
  readonly file?: string | undefined;
  readonly env: Environment;
  /** As commander hands them over; `settings.ts` names them. */
  readonly flags: Flags;
  /** What relative paths in flags and variables start from. Default: the working directory. */
  readonly cwd?: string;
}

export type LoadedConfig =
  | {
      readonly ok: true;
      readonly config: SiteConfig;
      /** Warnings only. */
      readonly findings: readonly Finding[];
      /** Where a field's value came from when not from the file; for `--print-config`. */
      readonly originOf: OriginOf;
    }
  | { readonly ok: false; readonly findings: readonly Finding[] };

export async function loadConfig(inputs: ConfigInputs): Promise<LoadedConfig> {
  const file = inputs.file ?? (inputs.env[CONFIG_FILE_VARIABLE] || undefined);
  if (file === undefined) return evaluate(NO_FILE, undefined, inputs);
  const read = await readSmallFile(file);
  if (read.kind !== 'text') return { ok: false, findings: [read.finding] };
  return evaluate(sortDocuments({ file, text: read.text }), file, inputs);
}

/** Stands for the file in findings when there is none. */
const NOWHERE = 'flags';

const NO_FILE: SortedDocuments = { sites: [], services: [], decisions: [], findings: [] };

function evaluate(documents: SortedDocuments, file: string | undefined, inputs: ConfigInputs): LoadedConfig {
  const site = documents.sites[0] ?? emptySite(file ?? NOWHERE);
  const { document, originOf } = override(site, inputs.env, inputs.flags);
  const result = validate(SITE_SCHEMA, document, originOf);
  const findings = [
    ...documents.findings,
    ...byLine([
      ...(file !== undefined && documents.sites.length === 0 ? [noSite(file)] : oneSite(documents.sites)),
      ...(result.ok ? [] : result.findings.map(withoutFile)),
      ...siteProblems(document, originOf).map(withoutFile),
      ...documents.services.flatMap((service) => readService(service).findings),
      ...documents.decisions.flatMap((one) => readDecision(one.document, one.kind).findings),
    ]),
    ...mistypedVariables(inputs.env),
  ];
  if (!result.ok || findings.some(({ severity }) => severity === 'error')) return { ok: false, findings };
  const cwd = inputs.cwd ?? process.cwd();
  const config = toSiteConfig(result.value, resolver(file, cwd, originOf));
  // What stands beside the Site is meant to count: the file is one more services file.
  const hasOwn = documents.services.length + documents.decisions.length > 0;
  const ownServices = file === undefined || !hasOwn ? [] : [resolve(cwd, file)];
  const services = [...new Set([...config.services, ...ownServices])];
  return { ok: true, config: { ...config, services }, findings, originOf };
}

/** A path in the file is meant from the file's folder, one that was typed from where it was typed. */
function resolver(file: string | undefined, cwd: string, originOf: OriginOf): ResolvePath {
  const folder = file === undefined ? cwd : dirname(resolve(cwd, file));
  return (field, path) => resolve(originOf(['spec', field]) === undefined ? folder : cwd, path);
}

function emptySite(file: string): SourceDocument {
  const value = { apiVersion: API_VERSION, kind: 'Site', metadata: {}, spec: {} };
  return { file, line: 1, value, lineOf: () => 1 };
}

function noSite(file: string): Finding {
  const hint = `add a document with apiVersion: ${API_VERSION} and kind: Site`;
  return { severity: 'error', reason: 'NoSite', message: 'the file has no Site document', file, line: 1, hint };
}

function oneSite(sites: readonly SourceDocument[]): readonly Finding[] {
  const [first, second] = sites;
  if (first === undefined || second === undefined) return [];
  const duplicates = duplicateClusters(sites, []);
  const message = `a controller runs one Site, and ${first.file}:${first.line} has one already`;
  return duplicates.length > 0 ? duplicates : [findingAt(second, ['kind'], { reason: 'SeveralSites', message })];
}

/** Without a file there is no line, and a missing field is best given the way that the others came. */
function withoutFile(finding: Finding): Finding {
  if (finding.file !== NOWHERE) return finding;
  const { line: _line, ...rest } = finding;
  if (finding.reason !== 'MissingField') return rest;
  const setting = SETTINGS.find(({ path }) => formatPath(path) === finding.field);
  const others = setting === undefined ? '' : `${setting.flag}, ${setting.variable} or `;
  return { ...rest, hint: `give ${others}a file by --config` };
}
