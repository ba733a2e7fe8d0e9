/** A topology that runs: its clusters made, joined by an installation as a user makes it, and taken down again. */
import { selectorLabels } from '../../deploy/manifests/common.ts';
import type { Topology, TopologyCluster } from '../../topologies/schema.ts';
import { DEFAULT_NAMESPACE } from '../../kubernetes/names.ts';
import { until } from '../redis/until.ts';
import { type Commands, unlessCommand } from './commands.ts';
import { KindCluster } from './kind-cluster.ts';
import { Wires } from './wires.ts';

export interface LinkedClustersInit {
  readonly topology: Topology;
  readonly folder: string;
  readonly nodeImage: string;
  /** Of Isthmus: an archive and the name in it. */
  readonly archive: string;
  readonly image: string;
  /** `isthmus` of this checkout. */
  readonly program: string;
  /** Told what is done, as it is done. */
  readonly onStep: (text: string) => void;
}

const CLUSTERSET = 'prod.example.org';
const GATEWAY_PORT = 30_443;
const STORE_PORT = 30_090;

export interface RunningCluster {
  readonly plan: TopologyCluster;
  readonly kind: KindCluster;
  /** Where other networks reach it. */
  readonly address: string;
}

export class LinkedClusters implements AsyncDisposable {
  readonly clusters: readonly RunningCluster[];
  readonly #owned: AsyncDisposableStack;

  private constructor(clusters: readonly RunningCluster[], owned: AsyncDisposableStack) {
    this.clusters = clusters;
    this.#owned = owned;
  }

  /** All clusters are members, and see each other, when this resolves. */
  static async start(commands: Commands, init: LinkedClustersInit): Promise<LinkedClusters> {
    await using starting = new AsyncDisposableStack();
    const { topology, onStep } = init;
    const wires = starting.use(await Wires.create(commands, topology));
    onStep('networks are there');
    const made = await Promise.allSettled(
      topology.spec.clusters.map(async (plan): Promise<RunningCluster> => {
        const kind = starting.use(await makeCluster(commands, { ...init, plan, wires }));
        return { plan, kind, address: await wires.publicAddress(plan, kind) };
      }),
    );
    const clusters = made.map((one) => {
      if (one.status === 'rejected') throw one.reason;
      return one.value;
    });
    onStep(`${clusters.length} clusters are ready`);
    await link(commands, init, clusters);
    onStep('all clusters see each other');
    return new LinkedClusters(clusters, starting.move());
  }

  cluster(name: string): RunningCluster {
    const found = this.clusters.find(({ plan }) => plan.name === name);
    if (found === undefined) throw new Error(`no cluster ${name}`);
    return found;
  }

  /** The clusters stay for whoever looks at them. */
  keep(): void {
    this.#owned.move();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/** Not the cluster's name alone: a developer may have a kind cluster `east` of his own. */
export function kindName({ metadata }: Topology, { name }: TopologyCluster): string {
  return `${metadata.name}-${name}`;
}

async function makeCluster(
  commands: Commands,
  { plan, wires, ...init }: LinkedClustersInit & { readonly plan: TopologyCluster; readonly wires: Wires },
): Promise<KindCluster> {
  const [podSubnet, serviceSubnet] = [plan.podCIDRs[0], plan.serviceCIDRs[0]];
  if (plan.platform !== 'kubernetes' || podSubnet === undefined || serviceSubnet === undefined) {
    throw new Error(`${plan.name} is no Kubernetes cluster with ranges`);
  }
  const cluster = await KindCluster.create(commands, {
    name: kindName(init.topology, plan),
    image: init.nodeImage,
    network: wires.home(plan),
    podSubnet,
    serviceSubnet,
    folder: init.folder,
  });
  try {
    await wires.plug(plan, cluster);
    await cluster.load(init.archive);
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** The commands of the guide: the first cluster founds the clusterset and serves its store, the others join. */
async function link(commands: Commands, init: LinkedClustersInit, clusters: readonly RunningCluster[]): Promise<void> {
  const [authority, ...others] = clusters;
  if (authority === undefined) throw new Error('a topology has clusters');
  const served = [
    ...['storeServer.service.type=NodePort', `storeServer.service.nodePort=${STORE_PORT}`],
    `storeServer.advertise=${authority.address}:${STORE_PORT}`,
  ];
  await Promise.all([
    install(commands, init, authority, ['--authority', ...setting(served)]),
    ...others.map((cluster) => install(commands, init, cluster, [])),
  ]);
  for (const cluster of others) {
    const token = await tokenFor(authority, cluster);
    const target = ['--kubeconfig', cluster.kind.kubeconfig];
    await commands.run(init.program, ['join', '--kubernetes', ...target, '--token-file', '-'], { input: token });
  }
  await Promise.all(clusters.map((cluster) => untilLive(cluster, clusters.length - 1)));
}

async function install(
  commands: Commands,
  { program, image }: LinkedClustersInit,
  { plan, kind, address }: RunningCluster,
  more: readonly string[],
): Promise<void> {
  const values = [
    ...['gateway.service.type=NodePort', `gateway.service.nodePort=${GATEWAY_PORT}`],
    `gateway.addresses=[${address}]`,
    ...['withdrawAfter=5s', 'failBackAfter=5s'],
  ];
  const where = ['--kubeconfig', kind.kubeconfig, '--cluster', plan.name, '--clusterset', CLUSTERSET];
  const place = [...['--network', plan.network], ...(plan.region === undefined ? [] : ['--region', plan.region])];
  await commands.run(program, ['install', ...where, ...place, '--image', image, ...setting(values), ...more]);
}

function setting(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => ['--set', value]);
}

/** The pod that `deploy/` picks may be the one that follows: it names the leader, and another is asked. */
async function tokenFor(authority: RunningCluster, { plan }: RunningCluster): Promise<string> {
  const inNamespace = ['-n', DEFAULT_NAMESPACE];
  const labels = Object.entries(selectorLabels('controller'));
  const selector = labels.map((pair) => pair.join('=')).join();
  let token: string | undefined;
  await until(`${authority.plan.name} to make a token`, async () => {
    const pods = await authority.kind.kubectl([...inNamespace, 'get', 'pods', '-l', selector, '-o', 'name']);
    for (const pod of pods.split('\n')) {
      const create = ['isthmus', 'token', 'create', '--cluster', plan.name];
      token ??= await authority.kind.kubectl([...inNamespace, 'exec', pod, '--', ...create]).catch(unlessCommand);
    }
    return token !== undefined;
  });
  return token ?? '';
}

interface PeerItem {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function untilLive({ plan, kind }: RunningCluster, count: number): Promise<void> {
  await until(
    `${plan.name} to have ${count} peers that are ready`,
    async () => {
      const { items } = await kind.kubectlJson<{ readonly items: readonly PeerItem[] }>(['get', 'peers']);
      const ready = items.filter(({ status }) => {
        return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
      });
      return ready.length === count;
    },
    120_000,
  );
}
