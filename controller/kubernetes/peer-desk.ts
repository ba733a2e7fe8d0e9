import type { KubeObject } from '../../kubernetes/api/objects.ts';
import { PEERS } from '../../kubernetes/api/resources.ts';
import type { Applier } from '../../kubernetes/apply/applier.ts';
import { isOurs, type ObjectRef, sealManifest } from '../../kubernetes/apply/desired.ts';
import { timestamp } from '../../kubernetes/apply/status.ts';
import { peerStatus, type PeerStatusInput } from '../../kubernetes/kinds/peer-status.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ClusterItem } from '../views/clusters.ts';
import { type ClustersetFacts, gatewayAddresses } from './clusterset-facts.ts';

/** One Peer for each other member of the clusterset: made when it joins, deleted when it is gone from the roster. */
export interface PeerDeskComponents {
  readonly clock: Clock;
  readonly applier: Applier;
  readonly peers: { readonly objects: ReadonlyMap<string, KubeObject>; readonly synced: boolean };
}

/** When a verdict began, as told first: reckoned again it might differ by a second, and be written again. */
interface Since {
  readonly verdict: string;
  readonly text: string;
}

export class PeerDesk {
  readonly #components: PeerDeskComponents;
  readonly #since = new Map<string, Since>();

  constructor(components: PeerDeskComponents) {
    this.#components = components;
  }

  update(facts: ClustersetFacts): void {
    const { applier, peers } = this.#components;
    if (!peers.synced) return;
    const isLeaving = facts.standing.kind === 'leaving';
    const wanted = new Map(
      (isLeaving ? [] : facts.clusters).flatMap((item): [string, PeerStatusInput][] => {
        const input = this.#inputOf(item, facts);
        return input === undefined ? [] : [[item.metadata.name, input]];
      }),
    );
    for (const [name, input] of wanted) {
      const ref = refOf(name);
      applier.want({ ref, manifest: sealManifest(ref, { fields: {} }), status: peerStatus(input) });
    }
    for (const [name, object] of peers.objects) {
      if (wanted.has(name) || !isOurs(object)) continue;
      this.#since.delete(name);
      applier.remove({ ref: refOf(name), uid: object.metadata.uid ?? '' });
    }
  }

  #inputOf({ metadata, spec, status }: ClusterItem, facts: ClustersetFacts): PeerStatusInput | undefined {
    const { membership, self, liveness, head } = status;
    if (self || (membership !== 'active' && membership !== 'quarantined')) return undefined;
    const { name } = metadata;
    return {
      generation: this.#components.peers.objects.get(name)?.metadata.generation,
      membership,
      verdict: liveness,
      reason: status.reason,
      message: status.message,
      since: this.#sinceOf(name, status),
      serving: status.serving,
      ...spec,
      addresses: gatewayAddresses(facts, name),
      gateways: status.gateways,
      services: status.services,
      ...(head === undefined ? {} : { head: { incarnation: head.incarnation, epoch: head.epoch } }),
      rejected: status.rejected,
    };
  }

  #sinceOf(name: string, { liveness, reason, forSeconds }: ClusterItem['status']): string | undefined {
    if (forSeconds === undefined) return undefined;
    const verdict = `${liveness} ${reason}`;
    const before = this.#since.get(name);
    if (before?.verdict === verdict) return before.text;
    const text = timestamp(this.#components.clock.epochMs() - forSeconds * 1_000);
    this.#since.set(name, { verdict, text });
    return text;
  }
}

function refOf(name: string): ObjectRef {
  return { resource: PEERS, name };
}
