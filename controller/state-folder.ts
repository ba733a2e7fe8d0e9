import { join } from 'node:path';

/**
 * Where things are in a state folder (`--state-dir`). One place, because `init`, `join`, `up`, the controller and the
 * agent are separate processes that meet in this folder.
 */
export interface StateFolder {
  readonly root: string;
  /** Held by the one process that uses the folder. */
  readonly lock: string;
  /** The `Site` document that `init` or `join` wrote. */
  readonly site: string;
  /** Private keys, 0700 with 0600 files: `cluster-ca`, on the authority also `root`. */
  readonly keys: string;
  /** Certificates that are no secret: root and cluster CA. */
  readonly rootCertificate: string;
  readonly clusterCaCertificate: string;
  /** The roster this cluster joined with; newer ones live in `lastGood`. */
  readonly joinedRoster: string;
  /** Secret marker of the `void` listener, 0600. */
  readonly voidToken: string;
  readonly lastGood: string;
  readonly marks: string;
  readonly ports: string;
  /** What the files source remembers over a restart. */
  readonly sourceMemory: string;
  readonly journal: string;
  readonly audit: string;
  /** Sockets, all 0600. */
  readonly adminSocket: string;
  readonly xdsSocket: string;
  /** Folder of one gateway instance: its sockets, bootstrap and last configuration. */
  gateway(name: string): string;
  /** Database of the embedded store, when the site does not name another. */
  readonly embeddedStore: string;
  /** Key and claim of a store server run by this site. */
  readonly storeServer: string;
}

export function stateFolder(root: string): StateFolder {
  return {
    root,
    lock: join(root, 'lock'),
    site: join(root, 'site.yaml'),
    keys: join(root, 'keys'),
    rootCertificate: join(root, 'trust', 'root.pem'),
    clusterCaCertificate: join(root, 'trust', 'cluster-ca.pem'),
    joinedRoster: join(root, 'trust', 'roster.json'),
    voidToken: join(root, 'keys', 'void-token'),
    lastGood: join(root, 'last-good'),
    marks: join(root, 'marks.json'),
    ports: join(root, 'ports.json'),
    sourceMemory: join(root, 'source-memory.json'),
    journal: join(root, 'journal', 'authority.jsonl'),
    audit: join(root, 'audit'),
    adminSocket: join(root, 'admin.sock'),
    xdsSocket: join(root, 'xds.sock'),
    gateway: (name) => join(root, 'gateway', name),
    embeddedStore: join(root, 'store.db'),
    storeServer: join(root, 'store-server'),
  };
}
