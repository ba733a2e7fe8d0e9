import type { ClusterId } from '../../federation/model/ids.ts';
import {
  decodeIdentity,
  encodeIdentity,
  type Identity,
  ROOT_KEY,
  CLUSTER_CA_KEY,
} from '../../kubernetes/keep/identity.ts';
import { readKey } from '../../kubernetes/keep/secret-key-store.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { foundClusterset } from '../../trust/authority.ts';
import { SERIAL_BYTES } from '../../trust/certificates.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { signRoster } from '../../trust/roster.ts';
import { Secret, SECRET_BYTES } from '../../trust/secret.ts';
import type { OwnObjects } from './own-objects.ts';
import { IdentityLostError } from './waiting.ts';

/**
 * Founding a clusterset in Kubernetes: root, cluster CA, first roster and void token in one write of the Secret. Of two
 * replicas that start at once the API server lets one make it, and the other finds it made.
 */
export interface FoundInClusterInit {
  readonly cluster: ClusterId;
  readonly clustersetDomain: string;
  /** A clusterset for development. */
  readonly dev: boolean;
}

/** @throws IdentityLostError, ForeignContentError, KubeApiError, KubeUnreachableError */
export async function foundInCluster(
  components: { readonly objects: OwnObjects; readonly clock: Clock; readonly random: Random },
  init: FoundInClusterInit,
): Promise<void> {
  const { objects, clock, random } = components;
  const { keys } = objects;
  const there = await otherMemory(objects);
  await keys.change((data) => {
    if (decodeIdentity(data, { ...init, authority: true }, keys.what) !== undefined) return undefined;
    if (there !== undefined) throw new IdentityLostError(keys.what, there);
    const given = { rootKey: readKey(data, ROOT_KEY, keys.what), caKey: readKey(data, CLUSTER_CA_KEY, keys.what) };
    const identity = newIdentity({ random, nowMs: clock.epochMs() }, { ...init, ...given });
    return new Map([...(data ?? []), ...encodeIdentity(identity)]);
  });
}

/** Looked at before the keys, so that a replica which has just founded is not taken for a loss. */
async function otherMemory({ journal, marks }: OwnObjects): Promise<string | undefined> {
  for (const object of [journal, marks]) {
    const data = await object.read();
    if (data !== undefined && data.size > 0) return object.what;
  }
  return undefined;
}

interface Given extends FoundInClusterInit {
  readonly rootKey: PrivateKey | undefined;
  readonly caKey: PrivateKey | undefined;
}

function newIdentity({ random, nowMs }: { random: Random; nowMs: number }, init: Given): Identity {
  const { rootKey = PrivateKey.generate(), caKey = PrivateKey.generate(), cluster, dev } = init;
  const { root, clusterCa, roster } = foundClusterset({
    domain: init.clustersetDomain,
    dev,
    cluster,
    rootKey,
    caPublicKey: caKey.publicKey,
    nowMs,
    serials: { root: random.bytes(SERIAL_BYTES), clusterCa: random.bytes(SERIAL_BYTES) },
  });
  const rosterBytes = signRoster(rootKey, roster);
  const voidToken = new Secret(random.bytes(SECRET_BYTES));
  return { caKey, rootKey, clusterCa, roots: [root], rosterBytes, voidToken };
}
