/** One login a cluster, with the least rights that `isthmus store acl` gives it: a fault must not need more than those. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterId } from '../../federation/model/ids.ts';
import { aclUsers } from '../../federation/store/redis/acl.ts';
import { formatAcl } from '../../federation/store/redis/acl-format.ts';
import { CLUSTERS, DOMAIN, EAST } from './clusterset.ts';

/**
 * Nobody can log in as the default user, and it keeps its rights: Redis 7.0 replays its append-only file with them, and
 * without them loses every transaction in it (see the case `transactions-not-replayed`).
 */
const DEFAULT_USER = 'user default off ~* &* +@all';

export class Logins {
  readonly #directory: string;
  readonly #passwords = new Map<ClusterId, string>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async make(directory: string): Promise<Logins> {
    const logins = new Logins(directory);
    for (const cluster of CLUSTERS) await logins.give(cluster, `first-of-${cluster}`);
    return logins;
  }

  passwordOf(cluster: ClusterId): string {
    return this.#passwords.get(cluster) ?? '';
  }

  passwordFile(cluster: ClusterId): string {
    return join(this.#directory, `${cluster}.password`);
  }

  /** Writes it where the controller reads it. The servers are another matter. */
  async give(cluster: ClusterId, password: string): Promise<void> {
    this.#passwords.set(cluster, password);
    await writeFile(this.passwordFile(cluster), `${password}\n`, { mode: 0o600 });
  }

  /** Lines of an ACL file. */
  get acl(): readonly string[] {
    const users = aclUsers({ clusterset: DOMAIN, clusters: CLUSTERS, authority: EAST });
    const hashes = new Map<string, string>(CLUSTERS.map((cluster) => [cluster, sha256(this.passwordOf(cluster))]));
    const lines = formatAcl(users, hashes, 'aclfile').split('\n');
    return [DEFAULT_USER, ...lines.filter((line) => CLUSTERS.some((cluster) => line.startsWith(`user ${cluster} `)))];
  }
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
