import { assertNever, type Finding } from '../../runtime/errors.ts';
import { nearest } from '../../sources/documents/nearest.ts';
import { type FieldPath, formatPath, type SourceDocument } from '../../sources/documents/parse.ts';
import type { Origin, OriginOf } from '../../sources/documents/validate.ts';
import { CONFIG_FILE_VARIABLE, SETTINGS, type Setting } from './settings.ts';

/** File < environment < flags: puts the values of the latter two into the document before it is validated. Pure. */
export type Environment = Readonly<Record<string, string | undefined>>;
/** As commander hands them over: camel-case names. Names that are no setting are ignored. */
export type Flags = Readonly<Record<string, unknown>>;

export interface Overridden {
  readonly document: SourceDocument;
  readonly originOf: OriginOf;
}

interface Override {
  readonly setting: Setting;
  readonly value: unknown;
  readonly origin: Origin;
}

export function override(document: SourceDocument, env: Environment, flags: Flags): Overridden {
  const overrides = SETTINGS.flatMap((setting): Override[] => {
    const flag = flags[setting.name];
    const variable = env[setting.variable];
    if (flag !== undefined) return [{ setting, value: read(setting, flag), origin: fromFlag(setting) }];
    // An empty variable is how a shell or a manifest leaves a setting out.
    if (variable === undefined || variable === '') return [];
    return [{ setting, value: read(setting, variable), origin: fromVariable(setting) }];
  });
  const value = overrides.reduce((merged, one) => put(merged, one.setting.path, one.value), document.value);
  return {
    document: { ...document, value },
    originOf: (path) => overrides.find(({ setting }) => begins(path, setting.path))?.origin,
  };
}

function fromFlag(setting: Setting): Origin {
  return { file: 'flags', field: setting.flag };
}

function fromVariable(setting: Setting): Origin {
  return { file: 'environment', field: setting.variable };
}

const SWITCH_WORDS: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false };

/** A word that is no switch is left as text, so that the schema reports it. */
function read(setting: Setting, given: unknown): unknown {
  switch (setting.type) {
    case 'text':
      return given;
    case 'list':
      return (Array.isArray(given) ? given : [given]).flatMap((item) => splitList(item, COMMA));
    case 'urls':
      return (Array.isArray(given) ? given : [given]).flatMap((item) => splitList(item, COMMA_BEFORE_URL));
    case 'switch':
      return typeof given === 'string' ? (SWITCH_WORDS[given.toLowerCase()] ?? given) : given;
    default:
      return assertNever(setting.type);
  }
}

const COMMA = ',';
/** A URL may list several hosts itself, separated by commas: only where another URL begins does the list go on. */
const COMMA_BEFORE_URL = /,\s*(?=[a-z][a-z+]*:\/\/|embedded:|memory:)/;

function splitList(item: unknown, separator: string | RegExp): readonly unknown[] {
  if (typeof item !== 'string') return [item];
  const parts = item.split(separator).map((part) => part.trim());
  return parts.filter((part) => part !== '');
}

/** A copy of `tree` with `value` at `path`. Where the tree is no map it is left alone: its schema reports that. */
function put(tree: unknown, path: FieldPath, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const fields = tree === undefined || tree === null ? {} : tree;
  if (typeof fields !== 'object' || Array.isArray(fields)) return tree;
  const inner = Object.hasOwn(fields, step) ? (fields as Readonly<Record<string, unknown>>)[step] : undefined;
  return { ...fields, [step]: put(inner, rest, value) };
}

function begins(path: FieldPath, prefix: FieldPath): boolean {
  return formatPath(path.slice(0, prefix.length)) === formatPath(prefix);
}

/** Kubernetes tells every pod of a Service `isthmus` or `isthmus-store` by variables of these forms. */
const OF_KUBERNETES = /_(SERVICE_HOST|SERVICE_PORT|PORT)(_|$)/;

/**
 * Variables that look like a mistyped setting. A warning, not an error: Kubernetes and users' own tools put variables
 * with our prefix into the environment too.
 */
export function mistypedVariables(env: Environment): readonly Finding[] {
  const known = [CONFIG_FILE_VARIABLE, ...SETTINGS.map((setting) => setting.variable)];
  return Object.keys(env)
    .filter((name) => name.startsWith('ISTHMUS_') && !known.includes(name) && !OF_KUBERNETES.test(name))
    .toSorted()
    .flatMap((name): Finding[] => {
      const meant = nearest(
        name.slice('ISTHMUS_'.length),
        known.map((one) => one.slice('ISTHMUS_'.length)),
      );
      if (meant === undefined) return [];
      const hint = `did you mean "ISTHMUS_${meant}"?`;
      return [
        {
          severity: 'warning',
          reason: 'UnknownVariable',
          message: 'the variable is not known',
          file: 'environment',
          field: name,
          hint,
        },
      ];
    });
}
