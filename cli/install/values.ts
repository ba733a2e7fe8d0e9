import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { type InstallValues, VALUES_SCHEMA } from '../../deploy/manifests/values.ts';
import { errorText, InvalidInputError } from '../../runtime/errors.ts';
import { formatPath } from '../../sources/documents/parse.ts';
import { UsageError } from '../exit.ts';

/** Values of an installation as `helm` takes them: a file, then `--set PATH=VALUE`, then the flags of their own. */
export interface ValueInputs {
  readonly file?: string | undefined;
  /** `gateway.service.type=NodePort` */
  readonly set: readonly string[];
  readonly flags: Readonly<Record<string, unknown>>;
}

type Tree = Record<string, unknown>;

/** @throws InvalidInputError with every field that is wrong, UsageError for an assignment that is none */
export async function installValues(inputs: ValueInputs): Promise<InstallValues> {
  const tree: Tree = inputs.file === undefined ? {} : await readValues(inputs.file);
  for (const assignment of inputs.set) assign(tree, assignment);
  for (const [name, value] of Object.entries(inputs.flags)) {
    // `--image` says nothing of how it is pulled.
    if (value !== undefined) tree[name] = isTree(value) && isTree(tree[name]) ? { ...tree[name], ...value } : value;
  }
  if (inputs.flags['authority'] === true) serveStore(tree);
  const result = VALUES_SCHEMA.safeParse(tree);
  if (result.success) return result.data;
  const findings = result.error.issues.map((issue) => {
    const field = formatPath(issue.path as (string | number)[]);
    const hint = field === 'cluster' || field === 'clusterset' ? { hint: `give --${field}` } : {};
    const where = inputs.file === undefined ? {} : { file: inputs.file };
    return { severity: 'error' as const, reason: 'InvalidValue', message: issue.message, field, ...where, ...hint };
  });
  throw new InvalidInputError('the values of the installation', findings);
}

/** A store of its own is what an authority without another one is for; what is said of the server besides stays as it is. */
function serveStore(tree: Tree): void {
  const server = tree['storeServer'] ?? {};
  const hasStore = Array.isArray(tree['store']) && tree['store'].length > 0;
  if (isTree(server) && server['enabled'] === undefined && !hasStore)
    tree['storeServer'] = { ...server, enabled: true };
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readValues(file: string): Promise<Tree> {
  try {
    const value: unknown = parse(await readFile(file, 'utf8'));
    if (value === null || value === undefined) return {};
    if (isTree(value)) return value;
  } catch (error) {
    throw new UsageError(`--values ${file} cannot be read: ${errorText(error)}`);
  }
  throw new UsageError(`--values ${file} is no map of values`);
}

const PATH_PART = /^[a-zA-Z][a-zA-Z0-9]*$/;

/** Values are YAML, so that numbers, words and lists are what they look like. */
function assign(tree: Tree, assignment: string): void {
  const at = assignment.indexOf('=');
  const path = assignment.slice(0, Math.max(0, at)).split('.');
  const last = path.pop();
  if (last === undefined || ![...path, last].every((part) => PATH_PART.test(part))) {
    throw new UsageError(`--set ${assignment} is not PATH=VALUE`, 'e.g. --set gateway.service.type=NodePort');
  }
  let node = tree;
  for (const part of path) {
    const next = node[part];
    if (typeof next === 'object' && next !== null) node = next as Tree;
    else {
      const fresh: Tree = {};
      node[part] = fresh;
      node = fresh;
    }
  }
  node[last] = parse(assignment.slice(at + 1)) as unknown;
}
