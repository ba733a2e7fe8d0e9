import { join } from 'node:path';

/**
 * Where things are in a state folder (`--state-dir`). One place, because `init`, `join`, `up`, the controller and the
 * agent are separate processes that meet in this folder. Replicas of a controller share what the cluster is (keys, Site,
 * gateway ports, journal) and have in a folder each what one process knows and listens on (`own`).
 */
export interface StateFolder {
  readonly root: string;
  /** Of this controller alone: the root, or with replicas `replicas/NAME`. */
  readonly own: string;
  /** Where the replicas have their folders. */
  readonly replicas: string;
  /** The `Site` document that `init` or `join` wrote. */
  readonly site: string;
  /** Private keys, 0700 with 0600 files: `cluster-ca`, on the authority also `root`. */
  readonly keys: string;
  /** Certificates that are no secret: root and cluster CA. */
  readonly rootCertificate: string;
  readonly clusterCaCertificate: string;
  /** The roster this cluster joined with; newer ones live in `lastGood`. */
  readonly joinedRoster: string;
  /** The store that the join token named, where the Site names none. */
  readonly joinedStore: string;
  /** Secret marker of the `void` listener, 0600. */
  readonly voidToken: string;
  readonly lastGood: string;
  readonly marks: string;
  readonly ports: string;
  /** What the files source remembers over a restart. */
  readonly sourceMemory: string;
  readonly journal: string;
  /** The roster that the authority signed last. */
  readonly rosterDraft: string;
  /** There when this cluster has left its clusterset, or is about to. */
  readonly departure: string;
  readonly audit: string;
  /** Hashes of the tokens of gateways on other hosts. */
  readonly gatewayTokens: string;
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

/** @param replica name of the replica; absent for a controller that is the only one */
export function stateFolder(root: string, replica?: string): StateFolder {
  const replicas = join(root, 'replicas');
  const own = replica === undefined ? root : join(replicas, replica);
  return {
    root,
    own,
    replicas,
    site: join(root, 'site.yaml'),
    keys: join(root, 'keys'),
    rootCertificate: join(root, 'trust', 'root.pem'),
    clusterCaCertificate: join(root, 'trust', 'cluster-ca.pem'),
    joinedRoster: join(root, 'trust', 'roster.json'),
    joinedStore: join(root, 'trust', 'store'),
    voidToken: join(root, 'keys', 'void-token'),
    lastGood: join(own, 'last-good'),
    marks: join(own, 'marks.json'),
    ports: join(root, 'ports.json'),
    sourceMemory: join(own, 'source-memory.json'),
    journal: join(root, 'journal', 'authority.jsonl'),
    rosterDraft: join(root, 'journal', 'roster-draft'),
    departure: join(root, 'left'),
    audit: join(root, 'audit'),
    gatewayTokens: join(root, 'gateway-tokens.json'),
    adminSocket: join(own, 'admin.sock'),
    xdsSocket: join(own, 'xds.sock'),
    gateway: (name) => join(root, 'gateway', name),
    embeddedStore: join(root, 'store.db'),
    storeServer: join(root, 'store-server'),
  };
}
