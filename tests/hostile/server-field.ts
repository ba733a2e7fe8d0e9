import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { StoredCluster, StoredRoster } from '../../federation/store/contract.ts';
import { MemoryShelf, MemoryStore } from '../../federation/store/memory.ts';
import type { StoreAddress } from '../../federation/store/remote/address.ts';
import { RemoteStore } from '../../federation/store/remote/client.ts';
import { Gate } from '../../federation/store/remote/gate.ts';
import { streamHandlers, unaryHandlers } from '../../federation/store/remote/handlers.ts';
import type { MemberIdentity } from '../../federation/store/remote/identity.ts';
import { Login } from '../../federation/store/remote/login.ts';
import { Membership } from '../../federation/store/remote/membership.ts';
import { Nonces } from '../../federation/store/remote/nonces.ts';
import { StoreServer } from '../../federation/store/remote/server.ts';
import { loadServerIdentity } from '../../federation/store/remote/server-identity.ts';
import { Sessions } from '../../federation/store/remote/sessions.ts';
import { rim } from '../../federation/sync/clusterset.fixture.ts';
import { Marks } from '../../federation/sync/marks.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { Archive } from './archive.ts';
import type { Tally } from './attack.ts';
import { clusterset, EVERYBODY, HONEST, READERS } from './cast.ts';
import type { Dice } from './dice.ts';
import type { Disk, Field, Link } from './field.ts';
import { HurriedClock } from './hurried-clock.ts';
import { LyingStore } from './lying-store.ts';
import { MemoryDisk } from './memory-disk.ts';
import { ArchivedStore, putOn, showRoster } from './shelf.ts';

/**
 * The product's own store server in the hands of an enemy: logins are real, what it serves behind them is a lie. One liar for
 * all, since a server has one store; each answer is drawn anew.
 */
export interface ServerFieldComponents {
  readonly dice: Dice;
  readonly tally: Tally;
}

const CLOCK = { factor: 5, epochAtStartMs: Date.UTC(2026, 0, 1) };

export class ServerField implements Field {
  readonly clock = new HurriedClock(CLOCK);
  readonly archive = new Archive();
  readonly patience = 6;
  readonly hasHonestStore = false;
  readonly #shelf = new MemoryShelf();
  readonly #liar: LyingStore;
  readonly #opened = new AsyncDisposableStack();
  readonly #planted = new Set<ClusterId>();
  #address: StoreAddress | undefined;
  #roster: StoredRoster | undefined;

  private constructor({ dice, tally }: ServerFieldComponents) {
    const { clock, archive } = this;
    const truth = new ArchivedStore({ clock }, this.#shelf, archive);
    this.#liar = new LyingStore({ truth, clock, archive, dice: dice.of('server'), tally });
  }

  static async open(components: ServerFieldComponents): Promise<ServerField> {
    const field = new ServerField(components);
    await field.#serve();
    return field;
  }

  /** Each logs in as itself; one that is no member logs in as a reader, which may do as much. */
  async link(name: string): Promise<Link> {
    const cluster = EVERYBODY.find((member) => member === name) ?? READERS[0];
    if (this.#address === undefined || cluster === undefined) throw new Error('the server does not listen');
    const init = { address: this.#address, identity: identityOf(cluster) };
    const store = this.#opened.use(new RemoteStore({ ...rim(this.clock), random: new SystemRandom() }, init));
    return { store, turnHostile: () => this.#liar.turnHostile(), turnHonest: () => this.#liar.turnHonest() };
  }

  async disk(): Promise<Disk> {
    return new MemoryDisk((await Marks.load(rim(this.clock))).marks);
  }

  async putRoster(roster: StoredRoster): Promise<void> {
    this.#roster = roster;
    this.archive.keepRoster(roster);
    showRoster(this.#shelf, roster);
  }

  async plant(place: ClusterId, state: StoredCluster): Promise<void> {
    this.#planted.add(place);
    putOn(this.#shelf, place, state);
  }

  async plantRoster(roster: StoredRoster): Promise<void> {
    showRoster(this.#shelf, roster);
  }

  async truth(cluster: ClusterId): Promise<StoredCluster | undefined> {
    return this.#shelf.clusters.get(cluster);
  }

  async cleanUp(): Promise<void> {
    for (const place of this.#planted) this.#shelf.clusters.delete(place);
    if (this.#roster !== undefined) showRoster(this.#shelf, this.#roster);
  }

  async passTime(durationMs: number): Promise<void> {
    await this.clock.sleep(durationMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#shelf.readers) reader.end();
    await this.#opened.disposeAsync();
    this.clock[Symbol.dispose]();
  }

  /** As `serveStore` does it, with a store that lies and members whom nobody can put out. */
  async #serve(): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'isthmus-hostile-'));
    this.#opened.defer(() => rm(folder, { recursive: true, force: true }));
    // Keys and sessions are no part of the run: they need not be the same again.
    const components = { ...rim(this.clock), random: new SystemRandom() };
    const identity = await loadServerIdentity(components, { folder });
    const membership = await Membership.load({ store: new MemoryStore(this), log: components.log }, { folder });
    const [authority] = HONEST;
    if (authority === undefined) throw new Error('a clusterset has an authority');
    const roster = { version: 1, bytes: clusterset.signed(clusterset.roster(1)) };
    await membership.claim({ cluster: authority, root: clusterset.root, roster });
    const store = hostable(this.#liar);
    const parts = {
      ...components,
      store,
      membership,
      sessions: new Sessions(components),
      nonces: new Nonces(components),
    };
    const login = new Login(parts, { serverPin: identity.pin, claimSecret: identity.claimSecret });
    const server = new StoreServer(components, {
      identity,
      gate: new Gate({ ...parts, login }),
      unary: unaryHandlers(parts),
      streams: streamHandlers(parts),
    });
    this.#opened.defer(() => server.close());
    const port = await server.listen({ address: '127.0.0.1', port: 0 });
    this.#address = { host: '127.0.0.1', port, pins: [identity.pin] };
  }
}

function hostable(liar: LyingStore): LyingStore & { credentialOf(): Promise<undefined> } {
  return Object.assign(liar, { credentialOf: () => Promise.resolve(undefined) });
}

function identityOf(cluster: ClusterId): MemberIdentity {
  const { key, chain } = clusterset.signer(cluster);
  const certificates = chain.certificates.map((text) => new Uint8Array(Buffer.from(text, 'base64')));
  return { kind: 'member', cluster, svid: () => ({ key, chain: certificates }) };
}
