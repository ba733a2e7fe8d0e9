/** A wire of its own for every site, where a case wants to break wires. */
import type { ClusterId } from '../../federation/model/ids.ts';
import { CLUSTERS } from './clusterset.ts';
import type { Deployment } from './deployment.ts';
import { Link } from './link.ts';
import type { Stage } from './suite.ts';

export type Links = ReadonlyMap<ClusterId, Link>;

/** To the one server of a deployment that stands alone. Owned by the stage. */
export async function openLinks(stage: Stage, servers: Deployment): Promise<Links> {
  const primary = await servers.primary();
  const links = new Map<ClusterId, Link>();
  for (const cluster of CLUSTERS) links.set(cluster, stage.owned.use(await Link.open(primary)));
  return links;
}

export function linkOf(links: Links, cluster: ClusterId): Link {
  const link = links.get(cluster);
  if (link === undefined) throw new Error(`${cluster} has no link`);
  return link;
}
