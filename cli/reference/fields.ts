import { SETTINGS } from '../../controller/config/settings.ts';

/** Tables of `docs/reference/config.md`, made of the same schemas that validate the files. */
export interface FieldSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly required?: readonly string[];
  readonly items?: FieldSchema;
  readonly additionalProperties?: FieldSchema | boolean;
}

export function fieldTable(schema: FieldSchema): string {
  const rows = rowsOf(schema, '');
  return ['| field | type | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function rowsOf(schema: FieldSchema, path: string): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const here = path === '' ? name : `${path}.${name}`;
    const isRequired = schema.required?.includes(name) === true && field.default === undefined;
    const cells = [
      `\`${here}\``,
      typeText(field),
      isRequired ? 'required' : defaultText(field),
      field.description ?? '',
    ];
    const own = `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    const items = field.items === undefined ? [] : rowsOf(field.items, `${here}[]`);
    return [own, ...rowsOf(field, here), ...items];
  });
}

function typeText(field: FieldSchema): string {
  if (field.const !== undefined) return `\`${field.const}\``;
  if (field.enum !== undefined) return field.enum.map((one) => `\`${one}\``).join(', ');
  if (field.type === 'array') return field.items?.type === 'object' ? 'list' : `list of ${word(field.items?.type)}`;
  return word(field.type);
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'number',
  number: 'number',
  boolean: 'true, false',
  object: 'map',
};

function word(type: string | undefined): string {
  return TYPE_WORDS[type ?? ''] ?? '';
}

/** Defaults of nested maps stand at their fields. */
function defaultText(field: FieldSchema): string {
  if (field.default === undefined || field.type === 'object') return '';
  return `\`${typeof field.default === 'string' ? field.default : JSON.stringify(field.default)}\``;
}

export function settingsTable(): string {
  const rows = SETTINGS.map(({ path, variable, flag }) => `| \`${path.join('.')}\` | \`${variable}\` | \`${flag}\` |`);
  return ['| field | variable | flag |', '| --- | --- | --- |', ...rows].join('\n');
}
