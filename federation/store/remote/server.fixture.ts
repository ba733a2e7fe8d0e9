import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Metrics } from '../../../runtime/metrics.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import { issueClusterCa, issueLeaf } from '../../../trust/certificates.ts';
import type { Roster, RosterMember } from '../../../trust/contract.ts';
import { foundClusterset } from '../../../trust/authority.ts';
import { PrivateKey } from '../../../trust/private-key.ts';
import { signRoster } from '../../../trust/roster.ts';
import type { SpiffeId } from '../../../trust/spiffe.ts';
import { controllerId, trustDomainOf } from '../../../trust/spiffe.ts';
import type { ClusterId } from '../../model/ids.ts';
import { parseClusterId } from '../../model/ids.ts';
import type { StoreComponents } from '../components.ts';
import type { ServedStore } from '../serve.ts';
import { serveStore } from '../serve.ts';
import { parseStoreAddress } from './address.ts';
import { RemoteStore } from './client.ts';
import type { MemberIdentity } from './identity.ts';

/** A clusterset of `east` (the authority), `west` and `edge` with real keys, and a store server that `east` has claimed. */
export const DOMAIN = 'test.example.org';
export const CLUSTERS = ['east', 'west', 'edge'].map(parseClusterId);
const LEAF_LIFETIME_MS = 60 * 60 * 1000;

export function testComponents(): StoreComponents {
  return { clock: new SystemClock(), random: new SystemRandom(), log: silentLogger, metrics: new Metrics() };
}

export class TestClusterset {
  readonly rootKey = PrivateKey.generate();
  readonly root: Uint8Array;
  readonly #random = new SystemRandom();
  readonly #first: Roster;
  readonly #caKeys = new Map<ClusterId, PrivateKey>();
  readonly #cas = new Map<ClusterId, Uint8Array>();

  constructor() {
    const [authority, ...others] = CLUSTERS;
    if (authority === undefined) throw new Error('a clusterset has an authority');
    const caKey = this.#keyOf(authority);
    const nowMs = Date.now();
    const founded = foundClusterset({
      domain: DOMAIN,
      dev: true,
      cluster: authority,
      rootKey: this.rootKey,
      caPublicKey: caKey.publicKey,
      nowMs,
      serials: { root: this.#serial(), clusterCa: this.#serial() },
    });
    this.root = founded.root;
    this.#cas.set(authority, founded.clusterCa);
    const members = others.map((cluster) => this.#admit(cluster, nowMs));
    const all = [...founded.roster.members, ...members];
    this.#first = {
      ...founded.roster,
      members: all.toSorted((left, right) => (left.cluster < right.cluster ? -1 : 1)),
    };
  }

  /** The roster in that version, as stored. */
  roster(version: number, change: (member: RosterMember) => RosterMember = (member) => member): Uint8Array {
    return signRoster(this.rootKey, { ...this.#first, version, members: this.#first.members.map(change) });
  }

  /** A controller's login; with another id, or with a lifetime, one that may be refused. */
  identity(cluster: ClusterId, init: { id?: SpiffeId; nowMs?: number } = {}): MemberIdentity {
    const key = PrivateKey.generate();
    const ca = this.#cas.get(cluster);
    if (ca === undefined) throw new Error(`${cluster} is no cluster of the test`);
    const leaf = issueLeaf({
      issuerKey: this.#keyOf(cluster),
      issuerCertificate: ca,
      publicKey: key.publicKey,
      id: init.id ?? controllerId(cluster, DOMAIN),
      nowMs: init.nowMs ?? Date.now(),
      lifetimeMs: LEAF_LIFETIME_MS,
      serial: this.#serial(),
    });
    return { kind: 'member', cluster, svid: () => ({ key, chain: [leaf, ca] }) };
  }

  #admit(cluster: ClusterId, nowMs: number): RosterMember {
    const trustDomain = trustDomainOf(cluster, DOMAIN);
    const ca = issueClusterCa({
      issuerKey: this.rootKey,
      issuerCertificate: this.root,
      publicKey: this.#keyOf(cluster).publicKey,
      trustDomain,
      nowMs,
      serial: this.#serial(),
    });
    this.#cas.set(cluster, ca);
    const caCertificates = [Buffer.from(ca).toString('base64')];
    return { cluster, incarnation: 1, trustDomain, caCertificates, status: 'active', joinedAtMs: nowMs };
  }

  #keyOf(cluster: ClusterId): PrivateKey {
    const key = this.#caKeys.get(cluster) ?? PrivateKey.generate();
    this.#caKeys.set(cluster, key);
    return key;
  }

  #serial(): Uint8Array {
    return Uint8Array.from(this.#random.bytes(16), (octet, index) => (index === 0 ? (octet & 0x7f) | 1 : octet));
  }
}

export interface TestServer extends AsyncDisposable {
  readonly clusterset: TestClusterset;
  readonly stateDir: string;
  readonly served: ServedStore;
  /** A client that is disposed of with the server. */
  client(cluster: ClusterId): RemoteStore;
}

/** A claimed server on a free port, with its state in a folder of its own. */
export async function startTestServer(clusterset = new TestClusterset()): Promise<TestServer> {
  await using owned = new AsyncDisposableStack();
  const stateDir = await mkdtemp(join(tmpdir(), 'isthmus-serve-'));
  owned.defer(() => rm(stateDir, { recursive: true }));
  const components = testComponents();
  const served = await serveStore({ stateDir, listen: { address: '127.0.0.1', port: 0 } }, components);
  owned.defer(() => served.close());
  await claimFor(clusterset, served.link);
  const address = parseStoreAddress(served.link);
  const running = owned.move();
  return {
    clusterset,
    stateDir,
    served,
    client: (cluster) => {
      const identity = clusterset.identity(cluster);
      return running.use(new RemoteStore(testComponents(), { address, identity }));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

export async function claimFor(clusterset: TestClusterset, link: string): Promise<void> {
  const [authority] = CLUSTERS;
  if (authority === undefined) throw new Error('a clusterset has an authority');
  const init = { address: parseStoreAddress(link), identity: { kind: 'claimant' } as const };
  await using claimant = new RemoteStore(testComponents(), init);
  await claimant.claim({
    cluster: authority,
    root: clusterset.root,
    roster: { version: 1, bytes: clusterset.roster(1) },
  });
}
