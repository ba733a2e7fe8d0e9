/** A Redis Cluster of three masters, on request each with a replica: slots assigned, `cluster_state:ok` everywhere. */
import type { Program } from './programs.ts';
import type { Argument, TextReply } from './resp.ts';
import { startServer, type TestServer } from './server.ts';
import type { ServerInit } from './server-config.ts';
import { until } from './until.ts';

export interface ClusterInit extends Pick<ServerInit, 'acl' | 'config' | 'tls'> {
  readonly program: Program;
  /** Replicas for each master. Default 0. */
  readonly replicas?: 0 | 1;
}

const SLOTS = 16_384;
const MASTERS = 3;
const JOIN_LIMIT_MS = 30_000;
/** Keys that one MIGRATE may move at a time, and its time-out. */
const MIGRATE_KEYS_MAX = 100;
const MIGRATE_TIMEOUT_MS = 5_000;

export async function startCluster(init: ClusterInit): Promise<TestCluster> {
  await using started = new AsyncDisposableStack();
  const { replicas: perMaster = 0, ...server } = init;
  const start = async (): Promise<TestServer> => started.use(await startServer({ ...server, mode: 'cluster' }));
  const masters = await Promise.all(Array.from({ length: MASTERS }, start));
  const replicas = await Promise.all(Array.from({ length: MASTERS * perMaster }, start));
  await meet([...masters, ...replicas]);
  for (const [index, replica] of replicas.entries()) {
    const master = masters[index];
    if (master !== undefined) await replica.cli('CLUSTER', 'REPLICATE', await nodeId(master));
  }
  const cluster = new TestCluster(masters, replicas, started.move());
  await cluster.untilOk();
  return cluster;
}

async function meet(nodes: readonly TestServer[]): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    // Distinct epochs from the start: otherwise the nodes settle their collision in the middle of a test.
    await node.cli('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    if (index < MASTERS) {
      const first = Math.floor((SLOTS * index) / MASTERS);
      await node.cli('CLUSTER', 'ADDSLOTSRANGE', first, Math.floor((SLOTS * (index + 1)) / MASTERS) - 1);
    }
  }
  const [first, ...others] = nodes;
  for (const other of others) await first?.cli('CLUSTER', 'MEET', other.host, other.port, other.busPort);
  await Promise.all(
    nodes.map((node) =>
      until(
        'each node to know the others',
        async () =>
          (await clusterInfo(node, 'cluster_known_nodes')) === String(nodes.length) && !(await hasHandshakes(node)),
        JOIN_LIMIT_MS,
      ),
    ),
  );
}

async function hasHandshakes(node: TestServer): Promise<boolean> {
  return String(await node.cli('CLUSTER', 'NODES')).includes('handshake');
}

export class TestCluster implements AsyncDisposable {
  /** The masters of the start. */
  readonly masters: readonly TestServer[];
  /** The n-th is the n-th master's. Empty without replicas. */
  readonly replicas: readonly TestServer[];
  readonly #owned: AsyncDisposableStack;

  constructor(masters: readonly TestServer[], replicas: readonly TestServer[], owned: AsyncDisposableStack) {
    this.masters = masters;
    this.replicas = replicas;
    this.#owned = owned;
  }

  /** `redis+cluster://H1:P1,H2:P2,H3:P3` */
  get url(): string {
    return `redis+cluster://${this.masters.map(({ host, port }) => `${host}:${port}`).join(',')}`;
  }

  async slotOf(key: string): Promise<number> {
    return Number(await this.#anyone().cli('CLUSTER', 'KEYSLOT', key));
  }

  /** The node that serves this key at present. */
  async ownerOf(key: string): Promise<TestServer> {
    const slot = await this.slotOf(key);
    const owner = await this.#ownerBy(this.#anyone(), slot);
    if (owner === undefined) throw new Error(`nobody serves slot ${slot}`);
    return owner;
  }

  async #ownerBy(asked: TestServer, slot: number): Promise<TestServer | undefined> {
    const ranges = await asked.cli('CLUSTER', 'SLOTS');
    for (const range of Array.isArray(ranges) ? ranges : []) {
      if (!Array.isArray(range) || slot < Number(range[0]) || slot > Number(range[1])) continue;
      const port = Array.isArray(range[2]) ? Number(range[2][1]) : Number.NaN;
      const owner = [...this.masters, ...this.replicas].find((node) => node.port === port);
      if (owner !== undefined) return owner;
    }
    return undefined;
  }

  /** One command at the node that serves `key`. */
  async cli(key: string, ...args: readonly Argument[]): Promise<TextReply> {
    return (await this.ownerOf(key)).cli(...args);
  }

  /** Moves a slot with its keys, as `--cluster reshard` does: clients meet MOVED and ASK on the way. */
  async moveSlot(slot: number, from: TestServer, to: TestServer): Promise<void> {
    await this.beginMove(slot, from, to);
    const keys = await from.cliRaw('CLUSTER', 'GETKEYSINSLOT', slot, MIGRATE_KEYS_MAX);
    const names = Array.isArray(keys) ? keys.filter((key) => Buffer.isBuffer(key)) : [];
    if (names.length > 0) {
      const login = to.admin === undefined ? [] : ['AUTH2', to.admin.user, to.admin.password];
      await from.cli('MIGRATE', to.host, to.port, '', 0, MIGRATE_TIMEOUT_MS, ...login, 'KEYS', ...names);
    }
    await this.endMove(slot, to);
  }

  /** The first half of a move: from here on the old owner answers ASK for keys that it has not any more. */
  async beginMove(slot: number, from: TestServer, to: TestServer): Promise<void> {
    await to.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await nodeId(from));
    await from.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await nodeId(to));
  }

  async endMove(slot: number, to: TestServer): Promise<void> {
    const id = await nodeId(to);
    // The new owner first: were it the last, a crash between would leave the slot with nobody.
    for (const node of [to, ...this.masters.filter((master) => master !== to && master.running)]) {
      await node.cli('CLUSTER', 'SETSLOT', slot, 'NODE', id);
    }
    await until(`all nodes to know who keeps slot ${slot}`, () => this.#agreeOn(slot, to, id));
  }

  /**
   * Of two moves that follow closely the nodes may keep different memories, for good, when their epochs met: then the new
   * owner takes a higher one, as `--cluster fix` does. Until all agree, on epochs too, a move that follows would begin at a
   * wrong node, or end under an epoch that another has already.
   */
  async #agreeOn(slot: number, to: TestServer, id: string): Promise<boolean> {
    const running = this.masters.filter((master) => master.running);
    const owners = await Promise.all(running.map((node) => this.#ownerBy(node, slot)));
    const others = running.filter((_, at) => owners[at] !== to);
    for (const node of others) await node.cli('CLUSTER', 'SETSLOT', slot, 'NODE', id);
    if (others.length > 0) await to.cli('CLUSTER', 'BUMPEPOCH');
    const current = await Promise.all(running.map((node) => clusterInfo(node, 'cluster_current_epoch')));
    const own = await Promise.all(running.map((node) => clusterInfo(node, 'cluster_my_epoch')));
    return others.length === 0 && new Set(current).size === 1 && new Set(own).size === running.length;
  }

  async untilOk(): Promise<void> {
    const nodes = [...this.masters, ...this.replicas].filter(({ running }) => running);
    await Promise.all(
      nodes.map((node) =>
        until(
          `cluster_state:ok at port ${node.port}`,
          async () => (await clusterInfo(node, 'cluster_state')) === 'ok' && !(await isReplicaApart(node)),
          JOIN_LIMIT_MS,
        ),
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  #anyone(): TestServer {
    const node = [...this.masters, ...this.replicas].find(({ running }) => running);
    if (node === undefined) throw new Error('no node of the cluster runs');
    return node;
  }
}

async function nodeId(node: TestServer): Promise<string> {
  return String(await node.cli('CLUSTER', 'MYID'));
}

async function clusterInfo(node: TestServer, field: string): Promise<string | undefined> {
  return new RegExp(`^${field}:(.*?)\r?$`, 'm').exec(String(await node.cli('CLUSTER', 'INFO')))?.[1];
}

async function isReplicaApart(node: TestServer): Promise<boolean> {
  const role = await node.info('replication', 'role');
  return role === 'slave' && (await node.info('replication', 'master_link_status')) !== 'up';
}
