import { readFile } from 'node:fs/promises';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { Random } from '../../runtime/random.ts';
import { foundClusterset } from '../../trust/authority.ts';
import { fingerprint, fromPem, SERIAL_BYTES } from '../../trust/certificates.ts';
import { FileKeyStore } from '../../trust/key-store.ts';
import { preparePrivateFolder } from '../../trust/private-file.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { openRoster, signRoster } from '../../trust/roster.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { CLUSTER_CA_KEY, ROOT_KEY, saveSiteTrust } from '../site-trust.ts';
import type { StateFolder } from '../state-folder.ts';

/**
 * Founding a clusterset (`isthmus init`): the root, the first cluster's CA and the first roster, made here and kept in the
 * state folder. Made again after a crash, what is already there is taken, so that a root that a store knows is not lost.
 */
export interface FoundClustersetInit {
  readonly cluster: ClusterId;
  readonly domain: string;
  readonly dev: boolean;
  readonly nowMs: number;
}

export interface FoundedClusterset {
  /** DER. */
  readonly root: Uint8Array;
  readonly rootFingerprint: string;
  readonly rosterBytes: Uint8Array;
}

export class AlreadyEnrolledError extends IsthmusError {
  constructor(path: string) {
    super('already-enrolled', `${path} exists: this state folder belongs to a site already`, {
      fields: { path },
      hint: 'start it with `isthmus up`, or choose another --state-dir',
    });
  }
}

export async function foundHere(
  components: { folder: StateFolder; random: Random },
  init: FoundClustersetInit,
): Promise<FoundedClusterset> {
  const { folder, random } = components;
  await preparePrivateFolder(folder.root);
  await refuseEnrolled(folder);
  const kept = await readKept(folder, init);
  if (kept !== undefined) return kept;
  const keys = new FileKeyStore(folder.keys);
  const rootKey = (await keys.load(ROOT_KEY)) ?? PrivateKey.generate();
  const caKey = (await keys.load(CLUSTER_CA_KEY)) ?? PrivateKey.generate();
  const founded = foundClusterset({
    ...init,
    rootKey,
    caPublicKey: caKey.publicKey,
    serials: { root: random.bytes(SERIAL_BYTES), clusterCa: random.bytes(SERIAL_BYTES) },
  });
  const rosterBytes = signRoster(rootKey, founded.roster);
  const { root, clusterCa } = founded;
  await saveSiteTrust(folder, { caKey, rootKey, clusterCa, roots: [root], rosterBytes });
  return { root, rootFingerprint: fingerprint(root), rosterBytes };
}

export async function refuseEnrolled(folder: StateFolder): Promise<void> {
  const site = await readFile(folder.site).catch(() => undefined);
  if (site !== undefined) throw new AlreadyEnrolledError(folder.site);
}

/** Of an earlier `init` that did not come to its end. */
async function readKept(folder: StateFolder, init: FoundClustersetInit): Promise<FoundedClusterset | undefined> {
  try {
    const [root] = fromPem(await readFile(folder.rootCertificate, 'utf8'));
    const rosterBytes = await readFile(folder.joinedRoster);
    await readFile(folder.clusterCaCertificate);
    if (root === undefined) return undefined;
    const roster = openRoster({ bytes: rosterBytes, pinnedRoots: [root] });
    const same =
      roster.ok &&
      roster.value.clustersetDomain === init.domain &&
      roster.value.dev === init.dev &&
      roster.value.members.some(({ cluster }) => cluster === init.cluster);
    return same ? { root, rootFingerprint: fingerprint(root), rosterBytes } : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
