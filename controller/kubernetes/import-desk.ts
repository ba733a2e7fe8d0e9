import { isIPv6 } from 'node:net';
import type { ServiceKey } from '../../federation/model/ids.ts';
import { EMPTY_LOCAL_VIEW } from '../../federation/model/local.ts';
import { SortedMap } from '../../federation/model/sorted-map.ts';
import type { Finding } from '../../runtime/errors.ts';
import { apiVersionOf } from '../../kubernetes/api/resources.ts';
import type { Applier } from '../../kubernetes/apply/applier.ts';
import type { Occurrence } from '../../kubernetes/events/event-book.ts';
import type { EventRecorder } from '../../kubernetes/events/event-recorder.ts';
import type { ImportsSite, IpFamily } from '../../kubernetes/imports/input.ts';
import { type ImportsWanted, ImportsWriter } from '../../kubernetes/imports/imports-writer.ts';
import { importRef } from '../../kubernetes/imports/names.ts';
import type { PresentIndex } from '../../kubernetes/imports/present.ts';
import type { GatewayPod } from '../../kubernetes/gateway-pods.ts';
import type { SiteConfig } from '../config/site.ts';
import type { Derived } from '../derive.ts';
import type { ImportReflectors } from './cluster-reflectors.ts';
import type { KubernetesPart } from './part.ts';

/** What the clusterset offers, carried to the objects that this cluster's pods use. */
export interface ImportDeskComponents {
  readonly applier: Applier;
  readonly present: PresentIndex;
  readonly part: Pick<KubernetesPart, 'reflectors' | 'gateways' | 'source'>;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly mayWrite: () => boolean;
}

export interface ImportDeskInit {
  readonly config: SiteConfig;
  /** Whether all that is to be known of other clusters at the start is known. */
  readonly isComplete: () => boolean;
}

/** The same objects each time: the planner knows by identity that nothing changed. */
const NOTHING = SortedMap.empty<never, never>();
const NO_PODS: readonly GatewayPod[] = [];

export class ImportDesk {
  readonly #components: ImportDeskComponents;
  readonly #init: ImportDeskInit;
  readonly #writer: ImportsWriter;
  readonly #undo: (() => void)[] = [];
  /** Findings of services, as they were told last: Events tell of changes. */
  readonly #told = new Map<ServiceKey, readonly Finding[]>();
  #derived: Derived;
  #site: ImportsSite | undefined;
  /** Copied when one changes: the reflector's own map is the same object in every state. */
  #namespaces: ImportsWanted['namespaces'] = new Map();

  constructor(components: ImportDeskComponents, init: ImportDeskInit & { readonly derived: Derived }) {
    this.#components = components;
    this.#init = init;
    this.#derived = init.derived;
    this.#writer = new ImportsWriter(components);
  }

  get findings(): readonly Finding[] {
    return this.#writer.findings;
  }

  start(): void {
    const { reflectors, gateways } = this.#components.part;
    const { imports, services, slices } = reflectors.imports;
    this.#undo.push(
      imports.onChange(({ changed }) => this.#observe({ imports: changed })),
      services.onChange(({ changed }) => this.#observe({ services: changed })),
      slices.onChange(({ changed }) => this.#observe({ slices: changed })),
      reflectors.exports.namespaces.onChange(() => this.#takeNamespaces()),
      gateways.onChange(() => this.#plan()),
    );
    // What came before these listeners did.
    this.#takeNamespaces();
    this.#observe({ imports: imports.objects, services: services.objects, slices: slices.objects });
  }

  /** To be called with every result, and once more when enough is known of the others. */
  derived(derived: Derived): void {
    this.#derived = derived;
    this.#plan();
  }

  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #observe(changes: Parameters<ImportsWriter['observe']>[0]): void {
    this.#writer.observe(changes);
    this.#plan();
  }

  #takeNamespaces(): void {
    this.#namespaces = new Map(this.#components.part.reflectors.exports.namespaces.objects);
    this.#plan();
  }

  /** Before the cluster was listed nothing can be said to be missing there. */
  #plan(): void {
    const { reflectors } = this.#components.part;
    if (!areSynced(reflectors.imports) || !reflectors.exports.namespaces.synced) return;
    this.#writer.update(this.#wanted());
    this.#tellFindings();
  }

  /** An Event on the ServiceImport that a finding is about: whoever made it looks there. */
  #tellFindings(): void {
    const { plan } = this.#writer;
    for (const key of plan?.touched ?? []) {
      const findings = plan?.services.get(key)?.findings ?? [];
      const before = this.#told.get(key) ?? [];
      if (findings.length === 0) this.#told.delete(key);
      if (findings.length === 0 || !this.#components.mayWrite()) continue;
      this.#told.set(key, findings);
      const regarding = regardingImport(this.#components.present, key);
      for (const { reason, message } of findings) {
        if (before.some((finding) => finding.message === message)) continue;
        this.#components.events.record({ regarding, type: 'Warning', reason, action: 'Import', note: message });
      }
    }
  }

  #wanted(): ImportsWanted {
    const { gateways, source } = this.#components.part;
    const { state, world, ports } = this.#derived;
    const isLeaving = world.leaving === true;
    const pods = gateways.facts?.pods ?? NO_PODS;
    return {
      site: this.#siteOf(pods),
      services: isLeaving ? NOTHING : state.services,
      local: (isLeaving ? EMPTY_LOCAL_VIEW : world.local).services,
      namespaces: this.#namespaces,
      ports,
      gateways: pods,
      complete: isLeaving || (this.#init.isComplete() && source.known),
    };
  }

  /** The same object while nothing of it changes: a new one makes every import be looked at. */
  #siteOf(pods: readonly GatewayPod[]): ImportsSite {
    const { config } = this.#init;
    const ipFamilies = familiesOf(pods, this.#site?.ipFamilies);
    const { dev } = this.#derived.world.roster;
    if (this.#site?.ipFamilies === ipFamilies && this.#site.dev === dev) return this.#site;
    this.#site = {
      cluster: config.cluster,
      network: config.network,
      zone: config.zone,
      directPods: config.podRouting === 'direct',
      ipFamilies,
      ownRanges: [...config.podCIDRs, ...config.serviceCIDRs],
      dev,
    };
    return this.#site;
  }
}

function regardingImport(present: PresentIndex, key: ServiceKey): Occurrence['regarding'] {
  const ref = importRef(key);
  const { resource, namespace, name } = ref;
  const uid = present.find(ref)?.metadata.uid;
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, namespace, name, uid };
}

const DEFAULT_FAMILIES: readonly IpFamily[] = ['IPv4'];

/** Those of the own gateway pods, in the order of their addresses; as before while there are none. */
function familiesOf(pods: readonly GatewayPod[], before: readonly IpFamily[] | undefined): readonly IpFamily[] {
  const [first] = pods;
  const last = before ?? DEFAULT_FAMILIES;
  if (first === undefined) return last;
  const families = [...new Set(first.addresses.map((address): IpFamily => (isIPv6(address) ? 'IPv6' : 'IPv4')))];
  return families.join() === last.join() ? last : families;
}

function areSynced(reflectors: ImportReflectors): boolean {
  // A cluster without the MCS API has no imports, and none can be made in it.
  return reflectors.imports.synced && reflectors.services.synced && reflectors.slices.synced;
}
