import type { KubeTransport } from '../../kubernetes/api/transport.ts';
import { KeptObject } from '../../kubernetes/keep/kept-object.ts';
import { OWN_NAMES } from '../../kubernetes/names.ts';

/**
 * What a controller in Kubernetes keeps outside its pod, by object. All else in its state folder (last good state, sockets,
 * the number of the replica) may be lost with the pod: it is made anew from these, the store and the cluster.
 */
export interface OwnObjects {
  /** Secret: private keys, certificates, the roster of the join, the void token; while joining the request. */
  readonly keys: KeptObject;
  /** Secret, on the authority: the journal of tokens, and the roster that was signed last. */
  readonly journal: KeptObject;
  /** Secret that `isthmus join` or a person writes. */
  readonly joinToken: KeptObject;
  /** ConfigMap by which somebody asks this cluster to leave. */
  readonly leave: KeptObject;
  /** ConfigMap: high-water marks. */
  readonly marks: KeptObject;
  /** ConfigMap: which gateway port each imported service has. */
  readonly ports: KeptObject;
  /** ConfigMap: public anchors, mounted by gateways. */
  readonly trust: KeptObject;
}

export function ownObjects(components: { readonly transport: KubeTransport }, namespace: string): OwnObjects {
  const object = (kind: 'Secret' | 'ConfigMap', name: string): KeptObject =>
    new KeptObject(components, { kind, namespace, name });
  return {
    keys: object('Secret', OWN_NAMES.keys),
    journal: object('Secret', OWN_NAMES.journal),
    joinToken: object('Secret', OWN_NAMES.joinToken),
    leave: object('ConfigMap', OWN_NAMES.leave),
    marks: object('ConfigMap', OWN_NAMES.marks),
    ports: object('ConfigMap', OWN_NAMES.ports),
    trust: object('ConfigMap', OWN_NAMES.trust),
  };
}
