/** Clusters that share a store: the first one founds the clusterset, the others join by a token, as `isthmus join` hands it over. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { SECRETS } from '../../../kubernetes/api/resources.ts';
import { DEFAULT_NAMESPACE, OWN_NAMES } from '../../../kubernetes/names.ts';
import { startServer } from '../../redis/server.ts';
import { until } from '../../redis/until.ts';
import type { Pod } from './pods.ts';
import { Site, type SiteInit } from './site.ts';

const ISTHMUS = resolve(import.meta.dirname, '../../../bin/isthmus');
const run = promisify(execFile);

/** What the program prints. @throws Error with what it said on the other stream */
export async function isthmus(...args: readonly string[]): Promise<string> {
  return (await run(ISTHMUS, args)).stdout;
}

export type ClusterInit = Omit<SiteInit, 'index'> & {
  /** Controllers. Default 1. */
  readonly replicas?: number;
};

export class Clusterset implements AsyncDisposable {
  readonly sites: readonly Site[];
  readonly #owned: AsyncDisposableStack;

  private constructor(sites: readonly Site[], owned: AsyncDisposableStack) {
    this.sites = sites;
    this.#owned = owned;
  }

  /**
   * Every cluster is a member, has its controllers ready and one gateway.
   * @param init.store who serves it: a Valkey beside the clusters (default), or the leader of the first cluster
   */
  static async start(
    clusters: readonly ClusterInit[],
    init: { readonly store?: 'valkey' | 'leader' } = {},
  ): Promise<Clusterset> {
    await using starting = new AsyncDisposableStack();
    const isServed = init.store === 'leader';
    const stores = isServed ? [] : [starting.use(await startServer({ program: 'valkey' })).url];
    const shared = { withdrawAfter: '3s', failBackAfter: '1s' };
    const founds = { authority: true, store: stores, storeServer: { enabled: isServed } };
    const sites = await Promise.all(
      clusters.map(async ({ values, ...cluster }, at) => {
        const chart = { ...shared, ...(at === 0 ? founds : {}), ...values };
        return starting.use(await Site.start({ ...cluster, index: at + 1, values: chart }));
      }),
    );
    const [authority, ...others] = sites;
    if (authority === undefined) throw new Error('a clusterset has clusters');
    if (isServed) starting.use(await authority.storeProxy());
    const pods = await Promise.all(sites.map((site, at) => startControllers(site, clusters[at]?.replicas ?? 1)));
    await Promise.all((pods[0] ?? []).map((pod) => pod.untilReady()));
    for (const site of others) await join(authority, site);
    await Promise.all(pods.flat().map((pod) => pod.untilReady()));
    await Promise.all(sites.map((site) => site.gateway()));
    return new Clusterset(sites, starting.move());
  }

  site(name: string): Site {
    const found = this.sites.find((site) => site.name === name);
    if (found === undefined) throw new Error(`no cluster ${name}`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

async function startControllers(site: Site, count: number): Promise<readonly Pod[]> {
  const pods: Pod[] = [];
  while (pods.length < count) pods.push(await site.controller());
  return pods;
}

/** The token goes into a Secret; the controllers of the cluster do the rest. */
export async function join(authority: Site, site: Site): Promise<void> {
  const token = await tokenFor(authority, site.name);
  const metadata = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.joinToken };
  const data = { token: Buffer.from(token).toString('base64') };
  await site.admin.apply(SECRETS, Object.assign({ metadata }, { data }));
}

/** Made by the controller that leads. */
async function tokenFor(authority: Site, cluster: string): Promise<string> {
  let token = '';
  await until('the authority to make a token', async () => {
    const [{ name }] = await authority.leaderAndOthers();
    token = (await isthmus('token', 'create', '--cluster', cluster, '--state-dir', authority.stateDir(name))).trim();
    return true;
  });
  return token;
}
