/** `docs/reference/install.md`: the values of an installation as a table, from the schema that checks them. Pure. */
export interface DescribedValue {
  readonly description?: string | undefined;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, DescribedValue>>;
}

const HEAD = `# Values of an installation
Made by \`deploy/manifests/generate.ts\` from \`deploy/manifests/values.ts\`. One set of values for the chart (\`--values\`, \`--set\` of helm) and
for \`isthmus install\` (\`--values\`, \`--set PATH=VALUE\`; VALUE is YAML). Both refuse a value that is not in this table. How an installation is
made, and what it survives: [guide](../guides/kubernetes.md).

| value | default | |
|---|---|---|
`;

const TAIL = `
## What is installed
Custom resource definitions of the MCS API and of \`isthmus.dev\`; in the namespace two Deployments (controllers, gateways) with their Services,
ServiceAccounts, a ConfigMap with the \`Site\`, NetworkPolicies and PodDisruptionBudgets; a ClusterRole and a Role with what the controllers
do, tested on a real API server. Pods pass the pod security standard \`restricted\`.

\`serviceMonitor.enabled\` adds a ServiceMonitor and a PodMonitor. They are compared between chart and command; the tests run them against no
Prometheus operator.
`;

/** @param defaults of all values, but for those that have none */
export function valuesReference(schema: DescribedValue, defaults: unknown, required: readonly string[]): string {
  const rows = leaves(schema, []).map(({ path, value }) => {
    const name = path.join('.');
    const standard = valueAt(defaults, path);
    const shown = standard === undefined ? 'none' : `\`${JSON.stringify(standard)}\``;
    return `| \`${name}\` | ${required.includes(name) ? 'needed' : shown} | ${text(value)} |\n`;
  });
  return `${HEAD}${rows.join('')}${TAIL}`;
}

/** What says nothing of itself is told by what it belongs to. */
function leaves(
  { properties = {}, description }: DescribedValue,
  above: readonly string[],
): readonly { readonly path: readonly string[]; readonly value: DescribedValue }[] {
  return Object.entries(properties).flatMap(([name, value]) => {
    const path = [...above, name];
    const told = { description, ...value };
    return value.properties === undefined ? [{ path, value: told }] : leaves(told, path);
  });
}

function text({ description = '', enum: choices }: DescribedValue): string {
  const words = choices === undefined ? '' : ` One of ${choices.map((one) => `\`${String(one)}\``).join(', ')}.`;
  return `${description}${words}`.trim().replaceAll('|', '\\|');
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
  let node = tree;
  for (const name of path) {
    if (typeof node !== 'object' || node === null) return undefined;
    node = (node as Readonly<Record<string, unknown>>)[name]; // an object, which was just seen
  }
  return node;
}
