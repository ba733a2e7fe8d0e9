import type { SpecObject } from '../kinds/read.ts';
import type { KeptFileInit } from './kept-file.ts';

/** The policies of a cluster as lines, an object each, as the API server gave them: they are read as if they came from it. */
export interface PolicyObjects {
  readonly policies: readonly SpecObject[];
  readonly clusterSets: readonly SpecObject[];
}

const SCHEMA = 1;

export function policyFile(path: string | undefined): KeptFileInit<PolicyObjects> {
  return { path, kind: 'kubernetes-policies', schema: SCHEMA, encode, decode };
}

type Line = readonly ['policy' | 'clusterset', SpecObject];

function* encode({ policies, clusterSets }: PolicyObjects): Generator<string> {
  for (const object of policies) yield JSON.stringify(['policy', kept(object)] satisfies Line);
  for (const object of clusterSets) yield JSON.stringify(['clusterset', kept(object)] satisfies Line);
}

/** Labels, annotations and the status are for others. */
function kept({ metadata, spec }: SpecObject): SpecObject {
  const { name, namespace, creationTimestamp } = metadata;
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec,
  };
}

function decode(lines: readonly string[]): PolicyObjects {
  // The file's hash and schema say that `encode` wrote them.
  const read = lines.map((line) => JSON.parse(line) as Line);
  const of = (kind: Line[0]) => read.filter((line) => line[0] === kind).map((line) => line[1]);
  return { policies: of('policy'), clusterSets: of('clusterset') };
}
