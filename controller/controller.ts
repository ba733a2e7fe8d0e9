import { isIP } from 'node:net';
import type { ClusterId } from '../federation/model/ids.ts';
import { checkGatewayAddress } from '../federation/model/addresses.ts';
import { DEFAULT_RECORD_LIMITS } from '../federation/model/records.ts';
import type { Store } from '../federation/store/contract.ts';
import type { Publisher } from '../federation/sync/publisher.ts';
import { RosterFollower } from '../federation/sync/roster-follower.ts';
import { Subscriber } from '../federation/sync/subscriber.ts';
import type { SyncEvent } from '../federation/sync/sync-event.ts';
import { XdsServer } from '../gateway-config/xds/server.ts';
import type { Clock } from '../runtime/clock.ts';
import { assertNever, errorText, type Finding } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Random } from '../runtime/random.ts';
import { AddressResolver } from './address-resolver.ts';
import type { SiteConfig } from './config/site.ts';
import type { Derived } from './derive.ts';
import { Engine } from './engine.ts';
import { FirstSync } from './first-sync.ts';
import { GatewayDesk } from './gateway-desk.ts';
import { takeOffice } from './office.ts';
import { PeerBoard } from './peer-board.ts';
import type { SigningIdentity } from './signing-identity.ts';
import { firstWorld, GATEWAY_SET } from './site-world.ts';
import type { SiteTrust } from './site-trust.ts';
import { type StartedParts, startParts } from './started-parts.ts';
import type { StateFolder } from './state-folder.ts';

/**
 * The composition root of one controller: it makes the parts, wires events to the engine, and takes them down again.
 * A dead store adds nothing to the start: last good state is served first, everything else follows when it can.
 */
export interface ControllerComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly lookup: (host: string) => Promise<readonly string[]>;
  /** Opens the store of a URL for this cluster's controller. Must not wait for the store to answer. */
  readonly openStore: (url: string, signing: SigningIdentity) => Promise<Store>;
}

export interface StoreLink {
  readonly up: boolean;
  readonly message?: string;
  /** Monotonic ms. */
  readonly sinceMs: number;
}

/** Three missed beats of 3 s. */
const STALE_AFTER_MS = 9_000;
const LIST_AGAIN_MS = 500;

export class Controller {
  readonly config: SiteConfig;
  readonly folder: StateFolder;
  readonly trust: SiteTrust;
  readonly store: Store;
  readonly xds: XdsServer;
  readonly engine: Engine;
  readonly board: PeerBoard;
  readonly desk: GatewayDesk;
  readonly signing: SigningIdentity;
  readonly roster: RosterFollower;
  readonly #components: ControllerComponents;
  readonly #parts: StartedParts;
  readonly #subscriber: Subscriber;
  readonly #resolver: AddressResolver;
  readonly #firstSync: FirstSync;
  readonly #stop = new AbortController();
  /** What was refused of each peer, until it is accepted again. */
  readonly #rejected = new Map<ClusterId, string>();
  #publisher: Publisher | undefined;
  #storeLink: StoreLink = { up: false, message: 'not asked yet', sinceMs: 0 };
  #sourceFindings: readonly Finding[];
  #fenced = false;

  private constructor(config: SiteConfig, components: ControllerComponents, parts: StartedParts) {
    this.config = config;
    this.#components = components;
    this.#parts = parts;
    const { folder, trust, store, signing, source, marks, ports } = parts;
    const { clock, log } = components;
    this.folder = folder;
    this.trust = trust;
    this.store = store;
    this.signing = signing;
    this.#sourceFindings = source.findings;
    this.roster = new RosterFollower({ ...components, store, marks }, { pinnedRoots: trust.roots });
    this.board = new PeerBoard(
      { clock },
      {
        settings: {
          staleAfterMs: STALE_AFTER_MS,
          withdrawAfterMs: config.withdrawAfterMs,
          failBackAfterMs: config.failBackAfterMs,
        },
        onChange: (health) => this.engine.update({ health }),
      },
    );
    this.#resolver = new AddressResolver(
      { clock, log, lookup: components.lookup },
      {
        refuse: (address) => this.#refuseAddress(address),
        onChange: (addresses) => this.engine.update({ addresses }),
      },
    );
    this.desk = new GatewayDesk(
      { ...components, issuer: trust.issuer },
      {
        cluster: config.cluster,
        clustersetDomain: config.clusterset,
        network: config.network,
        gatewaySet: GATEWAY_SET,
        gateways: config.gateways.map((gateway) => gateway.name),
        voidToken: trust.voidToken,
        onProbe: (gateway, peer, healthy, total) => this.board.hear(peer, { kind: 'probe', gateway, healthy, total }),
        onUnhealthy: (unhealthy) => this.engine.update({ unhealthy }),
      },
    );
    this.xds = new XdsServer(components, { listen: { socketPath: folder.xdsSocket }, handlers: this.desk });
    this.engine = new Engine(components, {
      world: firstWorld({ config, trust, local: source.view, ports, chain: signing.current.record }),
      onOwnRecords: (records, urgency) => this.#publisher?.publish(records, urgency),
      onSnapshot: () => this.#push(),
      onDerived: (derived, previous) => this.#derived(derived, previous),
    });
    this.#firstSync = new FirstSync({
      members: trust.roster.members
        .filter(({ status, cluster }) => status === 'active' && cluster !== config.cluster)
        .map(({ cluster }) => cluster),
      restored: new Set(parts.lastGoodState.clusters.map(({ cluster }) => cluster)),
    });
    this.#subscriber = new Subscriber(
      { ...components, store, marks, roster: this.roster, keeper: parts.lastGood },
      {
        self: config.cluster,
        limits: DEFAULT_RECORD_LIMITS,
        ownRanges: [...config.podCIDRs, ...config.serviceCIDRs],
        onEvent: (event) => this.#synced(event),
      },
    );
  }

  /** Serves what it knows when this resolves; the store may be dark. @throws IsthmusError when it cannot run at all. */
  static async start(config: SiteConfig, components: ControllerComponents): Promise<Controller> {
    const parts = await startParts(config, components);
    const controller = new Controller(config, components, parts);
    await controller.#begin();
    return controller;
  }

  get firstSync(): FirstSync {
    return this.#firstSync;
  }

  get publisher(): Publisher | undefined {
    return this.#publisher;
  }

  get storeLink(): StoreLink {
    return this.#storeLink;
  }

  get rejected(): ReadonlyMap<ClusterId, string> {
    return this.#rejected;
  }

  get fenced(): boolean {
    return this.#fenced;
  }

  get findings(): readonly Finding[] {
    return [...this.#parts.lastGoodState.findings, ...this.#sourceFindings, ...this.engine.derived.own.findings];
  }

  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The authority published a roster itself: it does not have to come back through the store first. */
  adoptRoster(bytes: Uint8Array): void {
    const restored = this.roster.restore(bytes);
    if (!restored.ok) return;
    this.#parts.lastGood.keepRoster(bytes);
    this.#synced({ kind: 'roster', roster: restored.value, origin: 'store' });
  }

  /** Stops without taking anything back: gateways and the other clusters keep what they have. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the controller stops'));
    this.engine.close();
    this.board.close();
    this.#resolver.close();
    this.signing.close();
    await this.#parts.source.close();
    await this.#publisher?.close();
    await this.#subscriber.close();
    await this.xds.close();
    await this.#parts.lastGood.close();
    await this.#parts.portsFile.close();
    await this.store[Symbol.asyncDispose]();
  }

  async #begin(): Promise<void> {
    const { source, lastGoodState } = this.#parts;
    source.onChange((local, findings) => {
      this.#sourceFindings = findings;
      this.engine.update({ local });
    });
    this.#parts.onRenewed((material) => {
      this.engine.update({ chain: material.record });
      this.#publisher?.renewKey(material.key, material.record);
    });
    this.roster.restore(this.trust.rosterBytes);
    this.#synced({ kind: 'roster', roster: this.trust.roster, origin: 'disk' });
    this.#subscriber.restore(lastGoodState);
    await this.xds.start();
    this.#push();
    this.#subscriber.start();
    void this.#listPublished();
    void this.#publish();
  }

  async #publish(): Promise<void> {
    const { marks } = this.#parts;
    try {
      const publisher = await takeOffice(
        { ...this.#components, store: this.store, marks },
        {
          cluster: this.config.cluster,
          incarnation: this.#incarnation(),
          writerId: `${this.config.cluster}-0`,
          signing: this.signing.current,
          signal: this.#stop.signal,
          onFenced: () => {
            this.#fenced = true;
          },
        },
      );
      this.#publisher = publisher;
      publisher.withBeatInfo({ rosterSeen: this.roster.version, acks: {} });
      publisher.publish(this.engine.derived.own.records, 'availability');
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#components.log.error('this controller cannot publish', { error: errorText(error) });
    }
  }

  #incarnation(): number {
    const { members } = this.roster.current?.roster ?? this.trust.roster;
    return members.find(({ cluster }) => cluster === this.config.cluster)?.incarnation ?? 1;
  }

  /** Which members have published at all: without the store's word an unread member might have everything. */
  async #listPublished(): Promise<void> {
    while (!this.#firstSync.complete && !this.#stop.signal.aborted) {
      try {
        this.#firstSync.listed(new Set((await this.store.heads()).keys()));
        this.#push();
      } catch (error) {
        this.#components.log.debug('the store does not list its clusters yet', { error: errorText(error) });
      }
      await this.#components.clock.sleep(LIST_AGAIN_MS, this.#stop.signal).catch(() => undefined);
    }
  }

  #push(): void {
    if (this.#firstSync.complete) this.xds.setSnapshot(this.engine.derived.snapshot);
  }

  #derived({ ports, state }: Derived, previous: Derived | undefined): void {
    if (ports !== (previous?.ports ?? this.#parts.ports)) this.#parts.portsFile.save(ports);
    if (state.peers === previous?.state.peers) return;
    const gateways = [...state.peers.values()].flatMap(({ view }) => view.gateways);
    const hosts = gateways.flatMap(({ addresses }) => addresses.map(({ host }) => host)).filter(isHostName);
    this.#resolver.want(hosts);
  }

  #synced(event: SyncEvent): void {
    switch (event.kind) {
      case 'view':
        this.#rejected.delete(event.view.cluster);
        this.engine.withView(event.view);
        this.#heard(event.view.cluster);
        return;
      case 'beat':
        this.#rejected.delete(event.cluster);
        this.board.hear(event.cluster, { kind: 'head' });
        return;
      case 'rejected':
        this.#rejected.set(event.cluster, `${event.reason}: ${event.message}`);
        this.#heard(event.cluster);
        return;
      case 'roster':
        for (const { cluster, status } of event.roster.members) {
          if (cluster !== this.config.cluster && status === 'active') this.board.know(cluster);
        }
        this.engine.update({ roster: event.roster });
        this.#publisher?.withBeatInfo({ rosterSeen: event.roster.version, acks: {} });
        return;
      case 'withdrawn':
        this.#rejected.delete(event.cluster);
        this.board.forget(event.cluster);
        this.engine.withoutView(event.cluster);
        this.#heard(event.cluster);
        return;
      case 'rosterRefused':
        this.#components.log.warn('the roster in the store is refused', { ...event });
        return;
      case 'rosterWithheld':
        this.#components.log.warn('the store withholds a newer roster', { withheld: event.withheld });
        return;
      case 'ownHeadDoubt':
        this.#publisher?.checkSoon();
        return;
      case 'storeUp':
        this.#storeLink = { up: true, sinceMs: this.#components.clock.monotonicMs() };
        this.board.storeLink('up');
        return;
      case 'storeDown':
        this.#storeLink = { up: false, message: event.message, sinceMs: this.#components.clock.monotonicMs() };
        this.board.storeLink('down');
        return;
      default:
        assertNever(event);
    }
  }

  #heard(cluster: ClusterId): void {
    if (this.#firstSync.complete) return;
    this.#firstSync.heard(cluster);
    this.#push();
  }

  #refuseAddress(address: string): string | undefined {
    const { dev } = this.engine.world.roster;
    const ownRanges = [...this.config.podCIDRs, ...this.config.serviceCIDRs];
    const checked = checkGatewayAddress(address, { dev, ownRanges });
    return checked.ok ? undefined : checked.message;
  }
}

function isHostName(host: string): boolean {
  return isIP(host) === 0;
}
