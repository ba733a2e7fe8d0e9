import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { errorText, type Finding, InvalidInputError } from '../runtime/errors.ts';
import { checkTopology } from './check.ts';
import { type Topology, topologySchema } from './schema.ts';

/** Reads topology files. The only part of this folder that touches the disk; every problem is reported, with its line. */
export const NAMED_TOPOLOGIES = import.meta.dirname;

/** A topology of 200 clusters is about 100 KiB; more is a wrong file, and is not even parsed. */
const FILE_BYTES_MAX = 1024 * 1024;
/** YAML aliases may not multiply a small file into a large one. */
const ALIASES_MAX = 100;

/** Names of the topologies that come with Isthmus, sorted. */
export async function namedTopologies(): Promise<readonly string[]> {
  const files = await readdir(NAMED_TOPOLOGIES);
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => basename(file, '.yaml'))
    .sort();
}

/** @throws InvalidInputError when there is no topology of that name, or its file is not valid */
export async function loadNamedTopology(name: string): Promise<Topology> {
  const known = await namedTopologies();
  if (!known.includes(name)) {
    throw new InvalidInputError(`topology ${JSON.stringify(name.slice(0, 80))}`, [
      {
        severity: 'error',
        reason: 'UnknownTopology',
        message: `no topology is named ${JSON.stringify(name.slice(0, 80))}`,
        hint: `one of: ${known.join(', ')}`,
      },
    ]);
  }
  return loadTopology(join(NAMED_TOPOLOGIES, `${name}.yaml`));
}

/** @throws InvalidInputError with all findings of the file */
export async function loadTopology(file: string): Promise<Topology> {
  const { size } = await stat(file);
  if (size > FILE_BYTES_MAX) {
    throw new InvalidInputError(file, [
      { severity: 'error', reason: 'FileTooLarge', message: `${size} bytes, at most ${FILE_BYTES_MAX} are read`, file },
    ]);
  }
  return parseTopology(await readFile(file, 'utf8'), file);
}

/** @throws InvalidInputError with all findings of the text */
export function parseTopology(text: string, file: string): Topology {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const broken = document.errors.map(
    (error): Finding => ({
      severity: 'error',
      reason: 'InvalidYaml',
      message: error.message.split('\n')[0] ?? error.message,
      file,
      line: lines.linePos(error.pos[0]).line,
    }),
  );
  if (broken.length > 0) throw new InvalidInputError(file, broken);
  const where: Where = { document, lines, file };
  const parsed = topologySchema.safeParse(toValue(where));
  if (!parsed.success)
    throw new InvalidInputError(
      file,
      parsed.error.issues.flatMap((issue) => schemaFindings(issue, where)),
    );
  const wrong = checkTopology(parsed.data).map(({ path, ...finding }) => ({ ...finding, ...locate(path, where) }));
  if (wrong.some((finding) => finding.severity === 'error')) throw new InvalidInputError(file, wrong);
  return parsed.data;
}

/** @throws InvalidInputError when aliases refer to each other so often that the value would be huge */
function toValue({ document, file }: Where): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    throw new InvalidInputError(file, [
      { severity: 'error', reason: 'InvalidYaml', message: errorText(error), file, line: 1 },
    ]);
  }
}

interface Where {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly file: string;
}

type Path = readonly (string | number)[];

function schemaFindings(issue: z.core.$ZodIssue, where: Where): Finding[] {
  // zod's path may hold symbols for maps and sets; a document read from YAML has only keys and indexes.
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      severity: 'error',
      reason: 'UnknownField',
      message: `unknown field ${JSON.stringify(key)}`,
      ...locate([...path, key], where),
    }));
  }
  return [{ severity: 'error', reason: 'InvalidField', message: issue.message, ...locate(path, where) }];
}

/** The line of the value, or of the closest parent that is in the file: a missing field has no line of its own. */
function locate(path: Path, where: Where): Pick<Finding, 'file' | 'line' | 'field'> {
  const field = formatPath(path);
  for (let depth = path.length; depth > 0; depth--) {
    const node = where.document.getIn(path.slice(0, depth), true);
    const start = rangeStart(node);
    if (start !== undefined) return { file: where.file, line: where.lines.linePos(start).line, field };
  }
  return { file: where.file, line: 1, field };
}

function rangeStart(node: unknown): number | undefined {
  if (isScalar(node)) return node.range?.[0];
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const start: unknown = node.range[0];
  return typeof start === 'number' ? start : undefined;
}

function formatPath(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${step}`))
    .join('');
}
