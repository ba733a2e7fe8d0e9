import type { KubeObject } from '../../kubernetes/api/objects.ts';
import {
  CLUSTER_SETS,
  EXPORT_GRANTS,
  FAILOVER_POLICIES,
  PEERS,
  type Resource,
  SERVICE_EXPORTS,
} from '../../kubernetes/api/resources.ts';
import { Applier } from '../../kubernetes/apply/applier.ts';
import { problemFindings } from '../../kubernetes/apply/problem-findings.ts';
import type { ObjectRef } from '../../kubernetes/apply/desired.ts';
import { EventRecorder } from '../../kubernetes/events/event-recorder.ts';
import { PresentIndex } from '../../kubernetes/imports/present.ts';
import type { Reflector } from '../../kubernetes/list-watch/reflector.ts';
import { MANAGED_BY, MANAGED_BY_LABEL } from '../../kubernetes/names.ts';
import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Finding } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Random } from '../../runtime/random.ts';
import type { Controller } from '../controller.ts';
import type { Derived } from '../derive.ts';
import { DnsDesk } from './dns-desk.ts';
import { ExportStatus } from './export-status.ts';
import { ImportDesk } from './import-desk.ts';
import { clustersetFacts } from './clusterset-facts.ts';
import type { KubernetesPart } from './part.ts';
import { PolicyDesk } from './policy-desk.ts';

/**
 * What a controller writes into its cluster: imports with their Services and slices, and the status of what users wrote.
 * Every replica holds the same wants; the one that leads writes. Ending it takes nothing back.
 */
export interface ClusterWriterComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly part: KubernetesPart;
  readonly controller: Controller;
}

const CLEARED_LOOK_MS = 200;
/** Against hints that were lost: everything is compared once more. */
const RECHECK_EVERY_MS = 10 * 60 * 1_000;

/** Gateways and other clusters come first: what follows for the API server is worked out when they have been told. */
const TAKE_AFTER_MS = 25;

export class ClusterWriter implements AsyncDisposable {
  readonly #components: ClusterWriterComponents;
  readonly #applier: Applier;
  readonly #events: EventRecorder;
  readonly #imports: ImportDesk;
  readonly #exports: ExportStatus;
  readonly #policies: PolicyDesk;
  readonly #dns: DnsDesk | undefined;
  readonly #closing = new AsyncDisposableStack();
  #timer: Timer | undefined;
  /** The newest result, which the desks have not seen yet. */
  #waiting: { readonly derived: Derived; readonly timer: Timer } | undefined;

  constructor(components: ClusterWriterComponents) {
    const { part, controller } = components;
    this.#components = components;
    const present = new PresentIndex();
    const whole = statusObjects(part);
    this.#applier = new Applier({
      ...components,
      transport: part.transport,
      present: (ref) => {
        const reflector = whole.get(ref.resource);
        return reflector === undefined ? present.find(ref) : reflector.objects.get(keyOf(ref));
      },
      mayWrite: () => controller.role.mayWrite,
    });
    const mayWrite = (): boolean => controller.role.mayWrite;
    this.#events = new EventRecorder(
      { ...components, transport: part.transport },
      {
        reporter: {
          controller: 'isthmus.dev/controller',
          instance: controller.config.replica ?? controller.config.cluster,
        },
      },
    );
    const { derived } = controller.engine;
    const shared = { ...components, applier: this.#applier, present, events: this.#events, mayWrite };
    const { config } = controller;
    this.#imports = new ImportDesk(shared, { config, derived, isComplete: () => controller.firstSync.whole });
    this.#exports = new ExportStatus(shared, { derived });
    this.#policies = new PolicyDesk(shared, {
      ...config,
      facts: () => clustersetFacts(controller, { source: part.source, nowMonotonicMs: components.clock.monotonicMs() }),
    });
    const { reflectors } = part;
    this.#dns = part.config.dns
      ? new DnsDesk({ ...components, reflectors }, { listen: part.config.dnsListen })
      : undefined;
  }

  get findings(): readonly Finding[] {
    return [...this.#imports.findings, ...problemFindings(this.#applier.problems)];
  }

  async start(): Promise<void> {
    const { controller, part } = this.#components;
    const { imports, statuses } = part.reflectors;
    this.#imports.start();
    this.#exports.start();
    this.#policies.start();
    for (const reflector of [...Object.values(imports), statuses.exports, statuses.grants, statuses.peers]) {
      reflector.start();
      this.#closing.defer(() => reflector.close());
    }
    this.#closing.defer(() => this.#events.close());
    this.#closing.defer(() => this.#end());
    this.#closing.defer(controller.onDerived.add((derived) => this.#takeLater(derived)));
    // That the rest is not there, rather than unknown, changes no result, but it decides what is removed.
    this.#closing.defer(controller.onFirstSync.add((derived) => this.#takeLater(derived)));
    this.#closing.defer(controller.onPublished.add((records) => this.#exports.published(records)));
    controller.role.onLeading((isLeader) => {
      if (isLeader) this.#applier.recheckAll();
    });
    this.#recheckLater();
    this.#closing.defer(() => this.#timer?.cancel());
    this.#closing.defer(() => this.#waiting?.timer.cancel());
    if (this.#dns !== undefined) {
      this.#closing.use(this.#dns);
      await this.#dns.start();
    }
  }

  /** Resolves when nothing waits to be written. */
  settled(): Promise<void> {
    this.#take();
    return this.#applier.settled();
  }

  /** Of a cluster that leaves: resolves when nothing of ours is left in it, as far as the API server tells. */
  async untilCleared(): Promise<void> {
    const { clock, part } = this.#components;
    const { imports, services, slices } = part.reflectors.imports;
    const { peers } = part.reflectors.statuses;
    const isOurs = (object: KubeObject): boolean => object.metadata.labels?.[MANAGED_BY_LABEL] === MANAGED_BY;
    const shared = (): readonly KubeObject[] => [...imports.objects.values(), ...peers.objects.values()];
    while (services.objects.size + slices.objects.size > 0 || shared().some(isOurs)) {
      await clock.sleep(CLEARED_LOOK_MS);
    }
    await this.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync();
  }

  /** Of several results only the last one counts. */
  #takeLater(derived: Derived): void {
    const timer = this.#waiting?.timer ?? this.#components.clock.after(TAKE_AFTER_MS, () => this.#take());
    this.#waiting = { derived, timer };
  }

  #take(): void {
    if (this.#waiting === undefined) return;
    const { derived, timer } = this.#waiting;
    this.#waiting = undefined;
    timer.cancel();
    this.#imports.derived(derived);
    this.#exports.derived(derived);
    this.#policies.derived(derived);
  }

  #recheckLater(): void {
    this.#timer = this.#components.clock.after(RECHECK_EVERY_MS, () => {
      this.#applier.recheckAll();
      this.#recheckLater();
    });
  }

  #end(): void {
    this.#imports.close();
    this.#exports.close();
    this.#policies.close();
    this.#applier.close();
  }
}

function statusObjects({ reflectors }: KubernetesPart): ReadonlyMap<Resource, Reflector<KubeObject>> {
  const { exports, grants, policies, clusterSets, peers } = reflectors.statuses;
  return new Map([
    [SERVICE_EXPORTS, exports],
    [EXPORT_GRANTS, grants],
    [FAILOVER_POLICIES, policies],
    [CLUSTER_SETS, clusterSets],
    [PEERS, peers],
  ]);
}

function keyOf({ namespace, name }: ObjectRef): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
