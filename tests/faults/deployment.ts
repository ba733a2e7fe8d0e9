/** The servers of one layout behind one interface, so that a fault is written once and tried on all of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertNever } from '../../runtime/errors.ts';
import { startCluster, type TestCluster } from '../redis/cluster.ts';
import { startSentinels, type TestSentinels } from '../redis/sentinels.ts';
import { startServer, type TestServer } from '../redis/server.ts';
import type { ServerInit } from '../redis/server-config.ts';
import { makeTlsMaterial, type TlsMaterial } from '../redis/tls-material.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import { DOMAIN } from './clusterset.ts';
import { Logins } from './logins.ts';
import type { Stage } from './suite.ts';

/** Kept over `kill -9`: what a production server does. Without it every killed server would be an empty one. */
const KEEPING = ['appendonly yes', 'appendfsync everysec'];

export interface DeploymentInit {
  /** Lines for every data server. Default: an append-only file. */
  readonly config?: readonly string[];
  /** `without-rights`: what `user default off` alone in an ACL file makes of it. Default: off, with its rights. */
  readonly defaultUser?: 'without-rights';
  /** Of each master of a cluster. Default 0. */
  readonly replicas?: 0 | 1;
}

interface Servers {
  readonly url: string;
  readonly data: readonly TestServer[];
  readonly sentinels?: TestSentinels;
  readonly cluster?: TestCluster;
  readonly tls?: TlsMaterial;
}

export class Deployment {
  /** All that hold data, replicas too. */
  readonly servers: readonly TestServer[];
  readonly sentinels: TestSentinels | undefined;
  readonly cluster: TestCluster | undefined;
  readonly tls: TlsMaterial | undefined;
  readonly logins: Logins;
  readonly directory: string;
  readonly #url: string;

  private constructor(servers: Servers, { logins, directory }: { logins: Logins; directory: string }) {
    this.servers = servers.data;
    this.sentinels = servers.sentinels;
    this.cluster = servers.cluster;
    this.tls = servers.tls;
    this.#url = servers.url;
    this.logins = logins;
    this.directory = directory;
  }

  /** Owned by the stage. */
  static async start(stage: Stage, init: DeploymentInit = {}): Promise<Deployment> {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-faults-'));
    stage.owned.defer(() => rm(directory, { recursive: true, force: true }));
    const logins = await Logins.make(directory);
    const { program } = stage;
    const acl = init.defaultUser === 'without-rights' ? ['user default off', ...logins.acl.slice(1)] : logins.acl;
    const server = { program, acl, config: init.config ?? KEEPING };
    const servers = await startLayout(stage, server, { directory, replicas: init.replicas ?? 0 });
    return new Deployment(servers, { logins, directory });
  }

  /** The address that a site of this cluster gets. `query`: further parameters. */
  urlOf(cluster: ClusterId, query: Readonly<Record<string, string>> = {}): string {
    return this.urlAt(this.#url, cluster, query);
  }

  /** The same login at another address of the same servers: behind a proxy, by a name. */
  urlAt(address: string, cluster: ClusterId, query: Readonly<Record<string, string>> = {}): string {
    const [, scheme = '', rest = ''] = /^([a-z+]+:\/\/)(.*)$/.exec(address) ?? [];
    const parameters = new URLSearchParams({ 'password-file': this.logins.passwordFile(cluster), ...query });
    return `${scheme}${cluster}@${rest}${rest.includes('?') ? '&' : '?'}${parameters.toString()}`;
  }

  get address(): string {
    return this.#url;
  }

  /** The one that takes writes (of a cluster: the one that serves what the whole clusterset shares). */
  async primary(): Promise<TestServer> {
    if (this.cluster !== undefined) return this.cluster.ownerOf(keys.roster);
    if (this.sentinels !== undefined) return this.sentinels.primary();
    return this.#first();
  }

  /** All that take writes. */
  async masters(): Promise<readonly TestServer[]> {
    if (this.cluster === undefined) return [await this.primary()];
    const running = this.servers.filter((server) => server.running);
    const roles = await Promise.all(running.map((server) => server.info('replication', 'role')));
    return running.filter((_, index) => roles[index] === 'master');
  }

  async ownerOf(key: string): Promise<TestServer> {
    return this.cluster === undefined ? this.primary() : this.cluster.ownerOf(key);
  }

  /** Every data server: `kill -9` at once. Sentinels live on. */
  async killAll(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
  }

  /** With the data that they have on disk. */
  async startAll(): Promise<void> {
    const [first, ...others] = this.servers;
    // The primary first: a replica is ready when it is in step with it. The nodes of a cluster know each other.
    await first?.start();
    await Promise.all(others.map((server) => server.start()));
    await this.untilUsable();
  }

  async untilUsable(): Promise<void> {
    await this.cluster?.untilOk();
    if (this.sentinels !== undefined) await this.sentinels.untilSettled(await this.sentinels.primary());
  }

  pauseAll(): void {
    for (const server of this.servers) server.pause();
  }

  resumeAll(): void {
    for (const server of this.servers) server.resume();
  }

  #first(): TestServer {
    const [first] = this.servers;
    if (first === undefined) throw new Error('the deployment has no server');
    return first;
  }
}

/** The layout of docs/reference/store.md, as far as a fault touches single keys. */
export const keys = {
  head: (cluster: ClusterId) => `isthmus:{${DOMAIN}/${cluster}}:head`,
  records: (cluster: ClusterId) => `isthmus:{${DOMAIN}/${cluster}}:rec`,
  log: (cluster: ClusterId) => `isthmus:{${DOMAIN}/${cluster}}:log`,
  roster: `isthmus:{${DOMAIN}}:roster`,
  clusters: `isthmus:{${DOMAIN}}:clusters`,
  notice: `isthmus:{${DOMAIN}}:notice`,
} as const;

async function startLayout(
  stage: Stage,
  init: ServerInit,
  { directory, replicas }: { readonly directory: string; readonly replicas: 0 | 1 },
): Promise<Servers> {
  const { owned, layout } = stage;
  switch (layout) {
    case 'alone': {
      const server = owned.use(await startServer(init));
      return { url: server.url, data: [server] };
    }
    case 'pair': {
      const primary = owned.use(await startServer(init));
      const replica = owned.use(await startServer({ ...init, replicaOf: primary }));
      return { url: primary.url, data: [primary, replica] };
    }
    case 'tls': {
      const material = await makeTlsMaterial(directory);
      const server = owned.use(await startServer({ ...init, tls: { material } }));
      return { url: server.url, data: [server], tls: material };
    }
    case 'sentinel': {
      const sentinels = owned.use(await startSentinels(init));
      return { url: sentinels.url, data: sentinels.servers, sentinels };
    }
    case 'cluster': {
      const cluster = owned.use(await startCluster({ ...init, replicas }));
      return { url: cluster.url, data: [...cluster.masters, ...cluster.replicas], cluster };
    }
    default:
      return assertNever(layout);
  }
}
