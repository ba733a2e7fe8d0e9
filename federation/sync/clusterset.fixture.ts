import { type Clock, ManualClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { type Random, SeededRandom, SystemRandom } from '../../runtime/random.ts';
import { issueClusterCa, issueLeaf, issueRoot } from '../../trust/certificates.ts';
import type { Roster, RosterMember } from '../../trust/contract.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { ROSTER_SCHEMA, signRoster } from '../../trust/roster.ts';
import { controllerId, trustDomainOf } from '../../trust/spiffe.ts';
import { encodeRecord, recordKeyOf } from '../model/encode.ts';
import { type ClusterId, compareText, parseClusterId, parseNetworkId } from '../model/ids.ts';
import type { ChainRecord, FederationRecord, RecordSet, ServiceRecord } from '../model/records.ts';
import { DEFAULT_RECORD_LIMITS, RECORD_SCHEMA } from '../model/records.ts';
import type { Store } from '../store/contract.ts';
import type { Stores } from '../store/several.ts';
import { Marks } from './marks.ts';
import { Publisher, type PublisherInit } from './publisher.ts';
import { RosterFollower } from './roster-follower.ts';
import { Subscriber, type SubscriberComponents, type SubscriberInit } from './subscriber.ts';
import type { SyncEvent } from './sync-event.ts';

/** A clusterset with real keys and certificates, and the parts of this folder wired as the controller wires them. */
export const DOMAIN = 'prod.example.org';

export interface Signer {
  readonly key: PrivateKey;
  readonly chain: ChainRecord;
}

interface ClusterKeys {
  readonly caKey: PrivateKey;
  readonly ca: Uint8Array;
  readonly signer: Signer;
}

export class ClustersetFixture {
  readonly root: Uint8Array;
  readonly #rootKey = PrivateKey.generate();
  readonly #random = new SystemRandom();
  readonly #clusters = new Map<ClusterId, ClusterKeys>();
  readonly #nowMs: number;

  constructor(names: readonly string[], nowMs = new ManualClock().epochMs()) {
    this.#nowMs = nowMs;
    this.root = issueRoot({ key: this.#rootKey, clustersetDomain: DOMAIN, nowMs, serial: this.#serial() });
    for (const name of names) this.#clusters.set(parseClusterId(name), this.#makeKeys(parseClusterId(name)));
  }

  roster(version: number, change: (member: RosterMember) => RosterMember | undefined = (member) => member): Roster {
    const members = [...this.#clusters].map(([cluster, { ca }]) =>
      change({
        cluster,
        incarnation: 1,
        trustDomain: trustDomainOf(cluster, DOMAIN),
        caCertificates: [Buffer.from(ca).toString('base64')],
        status: 'active',
        joinedAtMs: this.#nowMs,
      }),
    );
    return {
      schema: ROSTER_SCHEMA,
      clustersetDomain: DOMAIN,
      version,
      dev: false,
      issuedAtMs: this.#nowMs,
      roots: [Buffer.from(this.root).toString('base64')],
      members: members
        .filter((member) => member !== undefined)
        .sort((left, right) => compareText(left.cluster, right.cluster)),
    };
  }

  signed(roster: Roster): Uint8Array {
    return signRoster(this.#rootKey, roster);
  }

  async putRoster(store: Store, roster: Roster): Promise<void> {
    await store.putRoster({ version: roster.version, bytes: this.signed(roster) });
  }

  signer(cluster: ClusterId): Signer {
    return this.#keys(cluster).signer;
  }

  /** A controller key and chain as the cluster's own CA would issue them at `nowMs`. */
  issueSigner(cluster: ClusterId, nowMs = this.#nowMs): Signer {
    const { caKey, ca } = this.#keys(cluster);
    return this.#issueController(cluster, caKey, ca, nowMs);
  }

  #keys(cluster: ClusterId): ClusterKeys {
    const keys = this.#clusters.get(cluster);
    if (keys === undefined) throw new Error(`no cluster ${cluster}`);
    return keys;
  }

  #makeKeys(cluster: ClusterId): ClusterKeys {
    const caKey = PrivateKey.generate();
    const ca = issueClusterCa({
      issuerKey: this.#rootKey,
      issuerCertificate: this.root,
      publicKey: caKey.publicKey,
      trustDomain: trustDomainOf(cluster, DOMAIN),
      nowMs: this.#nowMs,
      serial: this.#serial(),
    });
    return { caKey, ca, signer: this.#issueController(cluster, caKey, ca, this.#nowMs) };
  }

  #issueController(cluster: ClusterId, caKey: PrivateKey, ca: Uint8Array, nowMs: number): Signer {
    const key = PrivateKey.generate();
    const leaf = issueLeaf({
      issuerKey: caKey,
      issuerCertificate: ca,
      publicKey: key.publicKey,
      id: controllerId(cluster, DOMAIN),
      nowMs,
      serial: this.#serial(),
    });
    const certificates = [leaf, ca].map((der) => Buffer.from(der).toString('base64'));
    return { key, chain: { kind: 'chain', certificates } };
  }

  #serial(): Uint8Array {
    return this.#random.bytes(16);
  }
}

/** What a cluster publishes: itself, one gateway, and services with their ready endpoints. */
export function recordsOf(services: Readonly<Record<string, number>>): RecordSet {
  const records: FederationRecord[] = [
    {
      kind: 'cluster',
      schema: RECORD_SCHEMA,
      network: parseNetworkId('lan'),
      softwareVersion: '0.1.0',
      schemaRange: [1, 1],
      capabilities: [],
      transit: false,
    },
    {
      kind: 'gateway',
      name: 'gw',
      addresses: [{ host: '192.0.2.10', port: 15443 }],
      weight: 100,
      draining: false,
      modes: ['http', 'tcp'],
    },
    ...Object.entries(services).map(([name, ready]) => serviceRecord(name, ready)),
  ];
  return new Map(records.map((record) => [recordKeyOf(record), encodeRecord(record)]));
}

function serviceRecord(name: string, ready: number): ServiceRecord {
  return {
    kind: 'service',
    namespace: 'default',
    name,
    type: 'ClusterSetIP',
    ports: [{ name: 'http', protocol: 'TCP', port: 80, appProtocol: 'http' }],
    sessionAffinity: 'None',
    exportedAtMs: 1,
    labels: {},
    annotations: {},
    ready: [{ port: 80, ready }],
  };
}

export interface Rim {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: typeof silentLogger;
  readonly metrics: Metrics;
}

export function rim(clock: Clock, seed = 1): Rim {
  return { clock, random: new SeededRandom(seed), log: silentLogger, metrics: new Metrics() };
}

export interface WriterOptions extends Partial<Omit<PublisherInit, 'cluster'>> {
  readonly marks?: Marks;
}

export async function makeWriter(
  clusterset: ClustersetFixture,
  components: Rim & { readonly store: Stores },
  cluster: ClusterId,
  options: WriterOptions = {},
): Promise<Publisher> {
  const { marks = (await Marks.load(components)).marks, ...init } = options;
  return new Publisher(
    { ...components, marks },
    {
      cluster,
      incarnation: 1,
      writerId: `${cluster}-0`,
      epoch: 1,
      initialVersion: 0,
      onFenced: () => undefined,
      ...clusterset.signer(cluster),
      ...init,
    },
  );
}

export interface Reader {
  readonly subscriber: Subscriber;
  readonly follower: RosterFollower;
  readonly marks: Marks;
  readonly events: SyncEvent[];
  readonly metrics: Metrics;
  of<K extends SyncEvent['kind']>(kind: K): readonly Extract<SyncEvent, { kind: K }>[];
}

export async function makeReader(
  clusterset: ClustersetFixture,
  components: Rim & {
    readonly store: Stores;
    readonly marks?: Marks;
    readonly keeper?: SubscriberComponents['keeper'];
  },
  self: ClusterId,
  options: Partial<Pick<SubscriberInit, 'bringsRoster'>> = {},
): Promise<Reader> {
  const marks = components.marks ?? (await Marks.load(components)).marks;
  const follower = new RosterFollower({ ...components, marks }, { pinnedRoots: [clusterset.root] });
  const events: SyncEvent[] = [];
  const subscriber = new Subscriber(
    { ...components, marks, roster: follower },
    {
      self,
      limits: DEFAULT_RECORD_LIMITS,
      ownRanges: ['10.0.0.0/8'],
      onEvent: (event) => events.push(event),
      ...options,
    },
  );
  // The filter keeps exactly the member of the union that the key names.
  const of = <K extends SyncEvent['kind']>(kind: K): readonly Extract<SyncEvent, { kind: K }>[] =>
    events.filter((event) => event.kind === kind) as Extract<SyncEvent, { kind: K }>[];
  return { subscriber, follower, marks, events, metrics: components.metrics, of };
}
