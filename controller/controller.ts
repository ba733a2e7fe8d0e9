import { isIP } from 'node:net';
import { checkGatewayAddress } from '../federation/model/addresses.ts';
import type { ClusterId } from '../federation/model/ids.ts';
import { DEFAULT_RECORD_LIMITS, type RecordSet } from '../federation/model/records.ts';
import type { Store } from '../federation/store/contract.ts';
import type { StoreList } from '../federation/store/several.ts';
import { RosterFollower } from '../federation/sync/roster-follower.ts';
import { Subscriber } from '../federation/sync/subscriber.ts';
import type { XdsServer } from '../gateway-config/xds/server.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Finding } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Random } from '../runtime/random.ts';
import { AddressResolver } from './address-resolver.ts';
import type { SiteConfig } from './config/site.ts';
import { type Departed, Departure } from './departure.ts';
import type { Derived } from './derive.ts';
import { Engine } from './engine.ts';
import type { FirstSync } from './first-sync.ts';
import type { GatewayDesk } from './gateway-desk.ts';
import { GatewayTokens } from './gateway-tokens.ts';
import { guardStores } from './leadership/guarded-store.ts';
import { Handover } from './leadership/handover.ts';
import { ReplicaRole } from './leadership/replica-role.ts';
import type { Role } from './leadership/role.ts';
import type { KubernetesPart } from './kubernetes/part.ts';
import { Listeners } from './listeners.ts';
import { makeDesk, type MakeGatewaysInit, makeXds } from './make-gateways.ts';
import { makeRole } from './make-role.ts';
import { PeerBoard } from './peer-board.ts';
import type { SigningIdentity } from './signing-identity.ts';
import { SnapshotGate } from './snapshot-gate.ts';
import { decisions, firstWorld } from './site-world.ts';
import type { Roster } from '../trust/contract.ts';
import type { SiteTrust } from './site-trust.ts';
import { type StartedParts, startParts } from './started-parts.ts';
import type { StateFolder } from './state-folder.ts';
import { type StoreStanding, storeStandings } from './store-standings.ts';
import { type StoreLink, SyncNews } from './sync-news.ts';
import { Writer } from './writer.ts';

/**
 * The composition root of one controller: it makes the parts, wires events to the engine, and takes them down again.
 */
export interface ControllerComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly lookup: (host: string) => Promise<readonly string[]>;
  /** Opens the store of a URL for this cluster's controller. Must not wait for the store to answer. */
  readonly openStore: (url: string, signing: SigningIdentity) => Promise<Store>;
  /** Present when the site is a Kubernetes cluster. Outlives the controller. */
  readonly kubernetes?: KubernetesPart | undefined;
}

/** Three missed beats of 3 s. */
const STALE_AFTER_MS = 9_000;
export class Controller {
  readonly config: SiteConfig;
  readonly xds: XdsServer;
  readonly engine: Engine;
  readonly board: PeerBoard;
  readonly desk: GatewayDesk;
  /** Of gateways on hosts of their own. */
  readonly gatewayTokens: GatewayTokens;
  readonly roster: RosterFollower;
  readonly writer: Writer;
  /** Among the replicas of this site. */
  readonly role: Role;
  /** For whoever writes in the name of this cluster: refuses what begins while another replica may lead. */
  readonly writable: StoreList;
  /** Told every result. */
  readonly onDerived = new Listeners<Derived>();
  /** Told the own records when a store has confirmed them. */
  readonly onPublished = new Listeners<RecordSet>();
  readonly #components: ControllerComponents;
  readonly #parts: StartedParts;
  readonly #subscriber: Subscriber;
  readonly #resolver: AddressResolver;
  readonly #news: SyncNews;
  readonly #gate: SnapshotGate;
  readonly #stop = new AbortController();
  readonly #startedMonotonicMs: number;
  #sourceFindings: readonly Finding[];

  private constructor(config: SiteConfig, components: ControllerComponents, parts: StartedParts) {
    this.config = config;
    this.#components = components;
    this.#startedMonotonicMs = components.clock.monotonicMs();
    this.#parts = parts;
    this.#sourceFindings = parts.source.findings;
    this.roster = new RosterFollower(
      { ...components, ...parts, store: parts.stores },
      { pinnedRoots: parts.trust.roots },
    );
    this.board = this.#makeBoard();
    this.#gate = this.#makeGate();
    this.#resolver = new AddressResolver(components, {
      refuse: (address) => this.#refuseAddress(address),
      onChange: (addresses) => this.engine.update({ addresses }),
    });
    this.desk = makeDesk({ ...components, parts }, this.#gatewaysInit());
    this.gatewayTokens = new GatewayTokens(components, { path: parts.folder.gatewayTokens });
    this.xds = makeXds({ ...components, parts, desk: this.desk, tokens: this.gatewayTokens }, this.#gatewaysInit());
    this.writable = guardStores(parts.stores, { mayWrite: () => this.role.mayWrite });
    this.writer = this.#makeWriter();
    this.engine = this.#makeEngine();
    this.role = this.#makeRole();
    this.#news = new SyncNews(
      { ...components, engine: this.engine, board: this.board, writer: this.writer },
      {
        cluster: config.cluster,
        onHeard: (cluster) => this.#gate.heard(cluster),
        onMembers: (active) => {
          const inUse = active.filter((cluster) => this.#mayBeInUse(cluster));
          this.firstSync.know(inUse, (cluster) => this.#parts.marks.peer(cluster) !== undefined);
        },
      },
    );
    this.#subscriber = this.#makeSubscriber();
  }

  /** Serves what it knows when this resolves; the store may be dark. @throws IsthmusError when it cannot run at all. */
  static async start(config: SiteConfig, components: ControllerComponents): Promise<Controller> {
    await using starting = new AsyncDisposableStack();
    const parts = starting.use(await startParts(config, components));
    const controller = new Controller(config, components, parts);
    starting.defer(() => controller.#stopParts());
    await controller.#begin();
    starting.move();
    return controller;
  }

  get folder(): StateFolder {
    return this.#parts.folder;
  }

  get trust(): SiteTrust {
    return this.#parts.trust;
  }

  /** In the order of the site's list. */
  get stores(): StoreList {
    return this.#parts.stores;
  }

  get signing(): SigningIdentity {
    return this.#parts.signing;
  }

  get firstSync(): FirstSync {
    return this.#gate.firstSync;
  }

  /** Told when the first push may be made: enough is known of the other clusters to say what they offer, and what they do not. */
  get onFirstSync(): Listeners<Derived> {
    return this.#gate.onFirstSync;
  }

  /** How each store of the list is, from the reader's and the writer's side. */
  get storeStandings(): readonly StoreStanding[] {
    return storeStandings({
      urls: this.config.store,
      followed: this.#subscriber.stores,
      published: this.writer.publisher?.status.stores ?? [],
      startedMonotonicMs: this.#startedMonotonicMs,
    });
  }

  get storeLink(): StoreLink {
    return this.#news.storeLink;
  }

  /** What was refused of each peer, until it is accepted again. */
  get rejected(): ReadonlyMap<ClusterId, string> {
    return this.#news.rejected;
  }

  get sourceFindings(): readonly Finding[] {
    return this.#sourceFindings;
  }

  get findings(): readonly Finding[] {
    const { derived } = this.engine;
    const noPort = derived.portsRefused.map((service): Finding => {
      return { severity: 'warning', reason: 'NoGatewayPort', message: `no gateway port is left for ${service}` };
    });
    return [...this.#parts.findings, ...this.#sourceFindings, ...derived.own.findings, ...noPort];
  }

  /** The authority published a roster itself: it does not have to come back through the store first. */
  async adoptRoster(bytes: Uint8Array): Promise<void> {
    await this.#subscriber.adoptRoster(bytes);
  }

  /** Says goodbye to the clusterset, for good. @throws DepartureError */
  leave(): Promise<Departed> {
    const { engine, writer } = this;
    return new Departure({ ...this.#components, engine, writer }, { path: this.folder.departure }).leave();
  }

  /** Stops without taking anything back: gateways and the other clusters keep what they have. */
  async close(): Promise<void> {
    await using stack = new AsyncDisposableStack();
    stack.use(this.#parts);
    stack.defer(() => this.#stopParts());
  }

  async #begin(): Promise<void> {
    const { source, restored, onRenewed } = this.#parts;
    source.onChange((local, findings) => {
      this.#sourceFindings = findings;
      const gateways = this.#components.kubernetes?.gatewayRecords;
      const decided = decisions(source.policies, this.config);
      this.engine.update({ local, ...decided, ...(gateways === undefined ? {} : { gateways }) });
      this.#gate.learned();
    });
    this.#gate.learned();
    onRenewed((material) => {
      this.engine.update({ chain: material.record });
      this.xds.renewSvid(material);
      this.writer.renewKey(material.key, material.record);
    });
    await this.xds.start();
    // The roster that this cluster joined with, then what was followed since.
    this.#subscriber.restore({ roster: this.trust.rosterBytes, clusters: [] });
    this.#subscriber.restore(restored);
    this.#gate.begin();
    this.#subscriber.start();
    this.role.start();
    this.#gate.ask(this.stores, this.#stop.signal);
  }

  /** In the order of the flow, so that nothing is handed to what has stopped; one that fails does not keep the others. */
  async #stopParts(): Promise<void> {
    this.#stop.abort(new Error('the controller stops'));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => this.xds.close());
    stack.defer(() => this.#subscriber.close());
    // The lease is given back when nothing is written any more.
    stack.defer(() => this.role.close());
    stack.defer(() => this.writer.close());
    stack.defer(() => this.#gate.asked());
    this.engine.close();
    this.board.close();
    this.#resolver.close();
  }

  /**
   * Whether gateways may have been programmed with this cluster: not without its mark, which is on disk before anything of
   * it is used. Else a member that never published would keep a restart in the dark from serving all the others.
   */
  #mayBeInUse(cluster: ClusterId): boolean {
    const { areMarksWhole, marks } = this.#parts;
    return !areMarksWhole || marks.peer(cluster) !== undefined;
  }

  #derived(derived: Derived, previous: Derived | undefined): void {
    const { ports, state } = derived;
    this.onDerived.tell(derived);
    if (ports !== (previous?.ports ?? this.#parts.ports)) this.#savePorts(ports);
    if (state.peers === previous?.state.peers) return;
    const gateways = [...state.peers.values()].flatMap(({ view }) => view.gateways);
    const hosts = gateways.flatMap(({ addresses }) => addresses.map(({ host }) => host));
    this.#resolver.want(hosts.filter((host) => isIP(host) === 0));
  }

  /** The table is the leader's. Before there is a role nobody is in office. */
  #savePorts(ports: Derived['ports']): void {
    const isInOffice = this.writer.state.kind !== 'standby' && this.role.mayWrite;
    if (this.#parts.replica === undefined || isInOffice) this.#parts.portsFile.save(ports);
  }

  #currentRoster(): Roster {
    return this.roster.current?.roster ?? this.trust.roster;
  }

  #refuseAddress(address: string): string | undefined {
    const { dev } = this.engine.world.roster;
    const checked = checkGatewayAddress(address, { dev, ownRanges: this.#ownRanges() });
    return checked.ok ? undefined : checked.message;
  }

  #ownRanges(): readonly string[] {
    return [...this.config.podCIDRs, ...this.config.serviceCIDRs];
  }

  #makeBoard(): PeerBoard {
    const { withdrawAfterMs, failBackAfterMs } = this.config;
    return new PeerBoard(this.#components, {
      settings: { staleAfterMs: STALE_AFTER_MS, withdrawAfterMs, failBackAfterMs },
      onChange: (health) => this.engine.update({ health }),
    });
  }

  #gatewaysInit(): MakeGatewaysInit {
    return {
      config: this.config,
      onProbe: (gateway, peer, healthy, total) => this.board.hear(peer, { kind: 'probe', gateway, healthy, total }),
      onUnhealthy: (unhealthy) => this.engine.update({ unhealthy }),
      turnedAway: () => this.role.turnedAway,
    };
  }

  #makeGate(): SnapshotGate {
    return new SnapshotGate(this.#components, {
      isSourceKnown: () => this.#parts.source.known,
      settled: () => {
        this.engine.settle();
        return this.engine.derived;
      },
      derived: () => this.engine.derived,
      serve: (snapshot) => this.xds.setSnapshot(snapshot),
    });
  }

  #makeWriter(): Writer {
    const { marks, signing, replica } = this.#parts;
    const { cluster } = this.config;
    return new Writer(
      { ...this.#components, store: this.writable, marks },
      {
        cluster,
        writerId: replica?.holder ?? `${cluster}-0`,
        roster: () => this.#currentRoster(),
        signing: () => signing.current,
        records: () => this.engine.ownRecords,
        untilKnown: async (signal) => {
          await this.#gate.known.wait(signal);
          if (replica !== undefined) await this.#handover().untilKnown(signal);
        },
        onPublished: () => this.onPublished.tell(this.engine.ownRecords),
        onFenced: () => {
          if (this.role instanceof ReplicaRole) this.role.fenced();
        },
      },
    );
  }

  #handover(): Handover {
    const { cluster, gateways, kubernetes } = this.config;
    return new Handover(
      { ...this.#components, ...this.#parts, desk: this.desk, engine: this.engine },
      { cluster, roster: () => this.#currentRoster(), hasGateways: gateways.length > 0 || kubernetes !== undefined },
    );
  }

  #makeRole(): Role {
    const role = makeRole(
      { ...this.#components, parts: this.#parts, office: this.writer, engine: this.engine },
      {
        cluster: this.config.cluster,
        roster: () => this.#currentRoster(),
        ports: this.folder.ports,
        onFollowing: (message) => this.xds.turnAway(message),
      },
    );
    if (role.view.kind !== 'sole') {
      role.onLeading((isLeader) => {
        if (isLeader) this.#savePorts(this.engine.derived.ports);
      });
    }
    return role;
  }

  #makeEngine(): Engine {
    const { config, trust } = this;
    const { source, ports, signing, leaving } = this.#parts;
    return new Engine(this.#components, {
      world: firstWorld({
        config,
        trust,
        local: source.view,
        policies: source.policies,
        ports,
        chain: signing.current.record,
        leaving,
        gateways: this.#components.kubernetes?.gatewayRecords,
      }),
      isGathering: () => !this.firstSync.complete,
      onOwnRecords: (records, urgency) => this.writer.publish(records, urgency),
      onSnapshot: () => this.#gate.push(),
      onDerived: (derived, previous) => this.#derived(derived, previous),
    });
  }

  #makeSubscriber(): Subscriber {
    const { stores, marks, lastGood } = this.#parts;
    return new Subscriber(
      { ...this.#components, store: stores, marks, roster: this.roster, keeper: lastGood },
      {
        self: this.config.cluster,
        limits: DEFAULT_RECORD_LIMITS,
        ownRanges: this.#ownRanges(),
        bringsRoster: () => this.config.authority && this.role.mayWrite,
        onEvent: (event) => this.#news.hear(event),
      },
    );
  }
}
