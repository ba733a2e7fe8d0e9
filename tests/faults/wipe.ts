/** The store loses everything, and has it again. */
import { CLUSTERS } from './clusterset.ts';
import { type Deployment, keys } from './deployment.ts';
import { eventually } from './eventually.ts';

/** FLUSHALL on every master. */
export async function wipe(servers: Deployment): Promise<void> {
  for (const master of await servers.masters()) await master.cli('FLUSHALL');
}

/** Head and records of every cluster, the index of clusters, and the roster. */
export async function untilStored(servers: Deployment, limitMs: number): Promise<void> {
  const wanted = [
    ...CLUSTERS.flatMap((cluster) => [keys.head(cluster), keys.records(cluster)]),
    keys.clusters,
    keys.roster,
  ];
  await eventually('everything to be in the store again', limitMs, async () => {
    const missing: string[] = [];
    for (const key of wanted) if ((await (await servers.ownerOf(key)).cli('EXISTS', key)) !== '1') missing.push(key);
    const listed = [await (await servers.ownerOf(keys.clusters)).cli('SMEMBERS', keys.clusters)].flat().map(String);
    for (const cluster of CLUSTERS) if (!listed.includes(cluster)) missing.push(`${cluster} in ${keys.clusters}`);
    return missing;
  });
}
