import { sameValue } from '../../federation/model/same-value.ts';
import { policyKey } from '../../federation/model/failover-policies.ts';
import type { KubeObject, ObjectKey } from '../../kubernetes/api/objects.ts';
import {
  CLUSTER_SETS,
  EXPORT_GRANTS,
  FAILOVER_POLICIES,
  PEERS,
  type Resource,
} from '../../kubernetes/api/resources.ts';
import type { Applier } from '../../kubernetes/apply/applier.ts';
import type { DesiredStatus, ObjectRef } from '../../kubernetes/apply/desired.ts';
import { projectGrant } from '../../kubernetes/exports/grant-projection.ts';
import { clusterSetStatus } from '../../kubernetes/kinds/cluster-set-status.ts';
import { grantStatus } from '../../kubernetes/kinds/grant-status.ts';
import { NO_VERDICT, policyStatus } from '../../kubernetes/kinds/policy-status.ts';
import { readClusterSet, readExportGrant } from '../../kubernetes/kinds/read.ts';
import type { Reflector } from '../../kubernetes/list-watch/reflector.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Derived } from '../derive.ts';
import { type ClustersetFacts, knownClusters, knownPlaces, servicesByNamespace } from './clusterset-facts.ts';
import type { KubernetesPart } from './part.ts';
import { PeerDesk } from './peer-desk.ts';
import { ProgrammedBook } from './programmed-book.ts';

/**
 * Tells users what became of their ClusterSet, ExportGrants and FailoverPolicies, and what the other clusters are doing. All of
 * it is worked out together at a pace of its own: it is news for people, and many changes of the clusterset change none of it.
 */
export interface PolicyDeskComponents {
  readonly clock: Clock;
  readonly applier: Applier;
  readonly part: Pick<KubernetesPart, 'services' | 'reflectors' | 'decided'>;
}

export interface PolicyDeskInit {
  readonly clusterset: string;
  readonly cluster: string;
  readonly facts: () => ClustersetFacts;
}

/** After what somebody did or what befell a cluster: long enough for a burst, short for whoever watches. */
const SOON_MS = 200;
/** Between two looks at acknowledgements that are missing, and after changes of what is counted only. */
const LATER_MS = 2_000;
/** For what nobody tells of, like the way to the store. */
const LOOK_EVERY_MS = 10_000;

export class PolicyDesk {
  readonly #components: PolicyDeskComponents;
  readonly #init: PolicyDeskInit;
  readonly #peers: PeerDesk;
  readonly #book = new ProgrammedBook();
  readonly #undo: (() => void)[] = [];
  #derived: Derived | undefined;
  #timer: { readonly dueMs: number; readonly timer: Timer } | undefined;

  constructor(components: PolicyDeskComponents, init: PolicyDeskInit) {
    this.#components = components;
    this.#init = init;
    const { peers } = components.part.reflectors.statuses;
    this.#peers = new PeerDesk({ ...components, peers });
  }

  start(): void {
    const { decided, services, reflectors } = this.#components.part;
    const { grants, policies, clusterSets, peers } = reflectors.statuses;
    this.#undo.push(
      decided.onChange(() => this.#within(SOON_MS)),
      services.onExports(() => this.#within(SOON_MS)),
      ...this.#follow(EXPORT_GRANTS, grants),
      ...this.#follow(FAILOVER_POLICIES, policies),
      ...this.#follow(CLUSTER_SETS, clusterSets),
      ...this.#follow(PEERS, peers),
    );
    this.#within(SOON_MS);
  }

  derived(derived: Derived): void {
    const before = this.#derived;
    this.#derived = derived;
    const isSame =
      before?.state.peers === derived.state.peers &&
      before.state.services === derived.state.services &&
      before.roster === derived.roster &&
      before.world.leaving === derived.world.leaving;
    if (!isSame) this.#within(isSlow(before, derived) ? LATER_MS : SOON_MS);
  }

  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
    this.#timer?.timer.cancel();
  }

  #follow(resource: Resource, reflector: Reflector<KubeObject>): readonly (() => void)[] {
    const { applier } = this.#components;
    return [
      reflector.onChange(({ changed }) => {
        for (const [key, object] of changed) {
          if (object === undefined && resource !== PEERS) applier.forget(refOf(resource, key));
          else applier.recheck(refOf(resource, key));
        }
        this.#within(SOON_MS);
      }),
    ];
  }

  /** The earliest wish counts. */
  #within(delayMs: number): void {
    const { clock } = this.#components;
    const dueMs = clock.monotonicMs() + delayMs;
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    this.#timer?.timer.cancel();
    this.#timer = { dueMs, timer: clock.after(delayMs, () => this.#tell()) };
  }

  #tell(): void {
    this.#timer = undefined;
    const facts = this.#init.facts();
    const { grants, policies, clusterSets } = this.#components.part.reflectors.statuses;
    const told = [...grants.objects.values(), ...policies.objects.values(), ...clusterSets.objects.values()];
    this.#book.retain(told);
    this.#peers.update(facts);
    this.#tellGrants(facts);
    this.#tellPolicies(facts);
    this.#tellClusterSets(facts);
    const isDone = told.every((object) => this.#book.programmingOf(object, facts.programming).kind === 'done');
    this.#within(isDone ? LOOK_EVERY_MS : LATER_MS);
  }

  #tellGrants(facts: ClustersetFacts): void {
    const { services, reflectors } = this.#components.part;
    const exported = namesByNamespace(services.exports.keys());
    const members = knownClusters(facts);
    for (const [key, object] of reflectors.statuses.grants.objects) {
      const grant = projectGrant(object);
      const isTaken = facts.isSettled && sameValue(grant, reflectors.exports.grants.objects.get(key));
      if (isTaken) this.#book.note(object, facts.programming);
      this.#want(EXPORT_GRANTS, key, facts, () =>
        grantStatus({
          generation: object.metadata.generation,
          read: readExportGrant(object),
          grant,
          members,
          exports: exported.get(object.metadata.namespace ?? '') ?? NONE,
          programming: this.#book.programmingOf(object, facts.programming),
        }),
      );
    }
  }

  #tellPolicies(facts: ClustersetFacts): void {
    const { decided, reflectors } = this.#components.part;
    const { resolved } = decided;
    if (reflectors.statuses.policies.objects.size === 0) return;
    const places = knownPlaces(facts);
    const services = servicesByNamespace(facts);
    const named = namesByNamespace(resolved.orders.services.keys());
    for (const [key, object] of reflectors.statuses.policies.objects) {
      const read = decided.readPolicy(object);
      const verdict = read.ok ? resolved.verdicts.get(policyKey(read.value)) : NO_VERDICT;
      // The watch has not seen it yet, and will tell.
      if (verdict === undefined) continue;
      if (facts.isSettled) this.#book.note(object, facts.programming);
      const { generation, namespace = '' } = object.metadata;
      this.#want(FAILOVER_POLICIES, key, facts, () =>
        policyStatus({
          generation,
          read,
          verdict,
          places,
          services: services.get(namespace) ?? NONE,
          namedElsewhere: named.get(namespace) ?? NONE,
          programming: this.#book.programmingOf(object, facts.programming),
        }),
      );
    }
  }

  #tellClusterSets(facts: ClustersetFacts): void {
    const { clusterset, cluster } = this.#init;
    const { derived, clusters } = facts;
    const count = (membership: string): number =>
      clusters.filter(({ status }) => status.membership === membership).length;
    const live = clusters.filter(({ status }) => !status.self && status.liveness === 'Live').length;
    const members = { active: count('active'), quarantined: count('quarantined'), removed: count('removed'), live };
    const services = { exported: derived.ownView.services.size, imported: derived.state.services.size };
    for (const [key, object] of this.#components.part.reflectors.statuses.clusterSets.objects) {
      if (facts.isSettled) this.#book.note(object, facts.programming);
      this.#want(CLUSTER_SETS, key, facts, () =>
        clusterSetStatus({
          generation: object.metadata.generation,
          read: readClusterSet(object),
          clusterset,
          cluster,
          roster: derived.roster.version,
          members,
          services,
          known: knownClusters(facts),
          programming: this.#book.programmingOf(object, facts.programming),
          standing: facts.standing,
        }),
      );
    }
  }

  /** Of a cluster that leaves nobody will be here to tell what becomes of anything. */
  #want(resource: Resource, key: ObjectKey, { standing }: ClustersetFacts, statusOf: () => DesiredStatus): void {
    const status = standing.kind === 'leaving' ? { conditions: [] } : statusOf();
    this.#components.applier.want({ ref: refOf(resource, key), status });
  }
}

const NONE: ReadonlySet<string> = new Set();

/** Whether nothing differs but what is counted. */
function isSlow(before: Derived | undefined, after: Derived): boolean {
  if (before === undefined || before.roster !== after.roster || before.world.leaving !== after.world.leaving)
    return false;
  return [...after.state.peers].every(([cluster, { liveness, serving }]) => {
    const then = before.state.peers.get(cluster);
    return then?.liveness === liveness && then.serving === serving;
  });
}

function namesByNamespace(keys: Iterable<string>): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  for (const key of keys) {
    const { namespace = '', name } = refOf(EXPORT_GRANTS, key);
    names.set(namespace, (names.get(namespace) ?? new Set()).add(name));
  }
  return names;
}

function refOf(resource: Resource, key: ObjectKey): ObjectRef {
  const slash = key.indexOf('/');
  return slash < 0 ? { resource, name: key } : { resource, namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
