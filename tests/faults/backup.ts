/** The store's copy of one cluster, taken and put back as a restored backup or a replaying store would. */
import type { ClusterId } from '../../federation/model/ids.ts';
import { type Deployment, keys } from './deployment.ts';

/** Key -> what DUMP gave. */
export type Backup = ReadonlyMap<string, Buffer>;

export async function dumpCluster(servers: Deployment, cluster: ClusterId): Promise<Backup> {
  const found = new Map<string, Buffer>();
  for (const key of [keys.head(cluster), keys.records(cluster), keys.log(cluster)]) {
    const bytes = await (await servers.ownerOf(key)).cliRaw('DUMP', key);
    if (Buffer.isBuffer(bytes)) found.set(key, bytes);
  }
  return found;
}

export async function restoreCluster(servers: Deployment, backup: Backup): Promise<void> {
  for (const [key, bytes] of backup) await (await servers.ownerOf(key)).cli('RESTORE', key, 0, bytes, 'REPLACE');
}
