/** A primary, a replica, and three sentinels that fail over fast. */
import type { Program } from './programs.ts';
import { startServer, type TestServer } from './server.ts';
import type { ServerInit } from './server-config.ts';
import { until } from './until.ts';

export interface SentinelsInit extends Pick<ServerInit, 'acl' | 'config'> {
  readonly program: Program;
  /** After this long without an answer a sentinel takes a server for dead. Default 1000 ms. */
  readonly downAfterMs?: number;
}

/** The name under which sentinels know the primary. */
export const SENTINEL_MASTER = 'main';
const SENTINELS = 3;
const QUORUM = 2;
const DOWN_AFTER_MS = 1_000;
/** A failover that got stuck is tried again after twice this. */
const FAILOVER_TIMEOUT_MS = 3_000;
const FAILOVER_LIMIT_MS = 40_000;

export async function startSentinels(init: SentinelsInit): Promise<TestSentinels> {
  await using started = new AsyncDisposableStack();
  const { downAfterMs = DOWN_AFTER_MS, ...server } = init;
  const first = started.use(await startServer(server));
  const second = started.use(await startServer({ ...server, replicaOf: first }));
  const config = monitor(first, downAfterMs, init.acl !== undefined);
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, async () =>
      started.use(await startServer({ program: init.program, mode: 'sentinel', config })),
    ),
  );
  const all = new TestSentinels([first, second], sentinels, started.move());
  await all.untilSettled(first);
  return all;
}

function monitor(primary: TestServer, downAfterMs: number, withUsers: boolean): string[] {
  const login = [
    `sentinel auth-user ${SENTINEL_MASTER} harness`,
    `sentinel auth-pass ${SENTINEL_MASTER} harness-password`,
  ];
  return [
    `sentinel monitor ${SENTINEL_MASTER} ${primary.host} ${primary.port} ${QUORUM}`,
    `sentinel down-after-milliseconds ${SENTINEL_MASTER} ${downAfterMs}`,
    `sentinel failover-timeout ${SENTINEL_MASTER} ${FAILOVER_TIMEOUT_MS}`,
    `sentinel parallel-syncs ${SENTINEL_MASTER} 1`,
    ...(withUsers ? login : []),
  ];
}

export class TestSentinels implements AsyncDisposable {
  /** The two data servers, in the order of their start: the first was the primary then. */
  readonly servers: readonly [TestServer, TestServer];
  readonly sentinels: readonly TestServer[];
  readonly #owned: AsyncDisposableStack;

  constructor(
    servers: readonly [TestServer, TestServer],
    sentinels: readonly TestServer[],
    owned: AsyncDisposableStack,
  ) {
    this.servers = servers;
    this.sentinels = sentinels;
    this.#owned = owned;
  }

  /** `redis+sentinel://H1:P1,H2:P2,H3:P3/main` */
  get url(): string {
    const hosts = this.sentinels.map(({ host, port }) => `${host}:${port}`).join(',');
    return `redis+sentinel://${hosts}/${SENTINEL_MASTER}`;
  }

  /** The server that most sentinels take for the primary. */
  async primary(): Promise<TestServer> {
    const votes = await Promise.all(
      this.sentinels.filter(({ running }) => running).map((sentinel) => this.#named(sentinel)),
    );
    const [first, second] = this.servers;
    return votes.filter((vote) => vote === second).length * 2 > votes.length ? second : first;
  }

  async replica(): Promise<TestServer> {
    const [first, second] = this.servers;
    return (await this.primary()) === first ? second : first;
  }

  /** Resolves when every running sentinel names this server, and it takes writes. */
  async untilPrimary(server: TestServer): Promise<void> {
    await until(
      `the sentinels to name port ${server.port} as the primary`,
      async () => {
        const named = await Promise.all(this.sentinels.filter(({ running }) => running).map((one) => this.#named(one)));
        return named.every((one) => one === server) && (await server.info('replication', 'role')) === 'master';
      },
      FAILOVER_LIMIT_MS,
    );
  }

  /** SENTINEL FAILOVER: an orderly change of roles. Resolves when it is complete. */
  async failover(): Promise<void> {
    const next = await this.replica();
    // NOGOODSLAVE until the sentinel has seen the replica's INFO, INPROG while another works.
    await until('a sentinel to begin the failover', async () => {
      await this.sentinels[0]?.cli('SENTINEL', 'FAILOVER', SENTINEL_MASTER);
      return true;
    });
    await this.untilPrimary(next);
    await this.untilSettled(next);
  }

  /** Every sentinel knows the others and the replica: only then would all of them fail over. */
  async untilSettled(primary: TestServer): Promise<void> {
    await until('three sentinels that know each other and the replica', async () => {
      const states = await Promise.all(this.sentinels.map((sentinel) => masterState(sentinel)));
      return states.every(
        (state) =>
          state.get('port') === String(primary.port) &&
          state.get('num-other-sentinels') === String(SENTINELS - 1) &&
          state.get('num-slaves') === '1' &&
          state.get('flags') === 'master',
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }

  async #named(sentinel: TestServer): Promise<TestServer | undefined> {
    const address = await sentinel.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', SENTINEL_MASTER);
    const port = Array.isArray(address) ? Number(address[1]) : Number.NaN;
    return this.servers.find((server) => server.port === port);
  }
}

async function masterState(sentinel: TestServer): Promise<ReadonlyMap<string, string>> {
  const reply = await sentinel.cli('SENTINEL', 'MASTER', SENTINEL_MASTER);
  const flat = Array.isArray(reply) ? reply.map(String) : [];
  return new Map(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ''] as const] : [])));
}
