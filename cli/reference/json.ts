/** JSON as the project's formatter writes it, so that a generated file passes the format check. */
const LINE_WIDTH = 120;

export function formatJson(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => formatJson(item, inner));
    const line = `[${items.join(', ')}]`;
    const fits = indent.length + line.length < LINE_WIDTH - LONGEST_KEY && !line.includes('\n');
    return fits ? line : `[\n${items.map((item) => inner + item).join(',\n')}\n${indent}]`;
  }
  const fields = Object.entries(value).map(
    ([key, item]) => `${inner}${JSON.stringify(key)}: ${formatJson(item, inner)}`,
  );
  return fields.length === 0 ? '{}' : `{\n${fields.join(',\n')}\n${indent}}`;
}

/** Room for `"key": ` before a list and the comma after it. */
const LONGEST_KEY = 20;
