/** One kind cluster of one node, on a Docker network of its site, with ranges of its own choice. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { CommandOptions, Commands } from './commands.ts';

export interface KindClusterInit {
  readonly name: string;
  readonly image: string;
  /** Docker network. */
  readonly network: string;
  readonly podSubnet: string;
  readonly serviceSubnet: string;
  /** Where its kubeconfig is kept. */
  readonly folder: string;
}

const READY_WITHIN = '180s';
const CREATE_MS = 300_000;

export class KindCluster implements AsyncDisposable {
  readonly name: string;
  readonly kubeconfig: string;
  readonly #commands: Commands;

  private constructor(commands: Commands, { name, folder }: KindClusterInit) {
    this.#commands = commands;
    this.name = name;
    this.kubeconfig = join(folder, `${name}.kubeconfig`);
  }

  /** Ready when this resolves; what was begun is deleted when it does not. */
  static async create(commands: Commands, init: KindClusterInit): Promise<KindCluster> {
    await using starting = new AsyncDisposableStack();
    const cluster = starting.use(new KindCluster(commands, init));
    const config = join(init.folder, `${init.name}.yaml`);
    await writeFile(config, kindConfig(init));
    await commands.run(
      'kind',
      [
        ...['create', 'cluster', '--name', init.name, '--image', init.image, '--config', config],
        ...['--wait', READY_WITHIN, '--kubeconfig', cluster.kubeconfig],
      ],
      { env: { KIND_EXPERIMENTAL_DOCKER_NETWORK: init.network }, timeoutMs: CREATE_MS },
    );
    starting.move();
    return cluster;
  }

  /** Of a run that was kept. */
  static async remove(commands: Commands, name: string): Promise<void> {
    await commands.run('kind', ['delete', 'cluster', '--name', name]);
  }

  /** The container that is the node. */
  get node(): string {
    return `${this.name}-control-plane`;
  }

  kubectl(args: readonly string[], options?: CommandOptions): Promise<string> {
    return this.#commands.run('kubectl', ['--kubeconfig', this.kubeconfig, ...args], options);
  }

  kubectlJson<T>(args: readonly string[]): Promise<T> {
    return this.#commands.json('kubectl', ['--kubeconfig', this.kubeconfig, ...args, '-o', 'json']);
  }

  async apply(...manifests: readonly object[]): Promise<void> {
    const input = manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n');
    await this.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input });
  }

  async load(archive: string): Promise<void> {
    await this.#commands.run('kind', ['load', 'image-archive', archive, '--name', this.name]);
  }

  async inNode(...command: readonly string[]): Promise<string> {
    return this.#commands.run('docker', ['exec', this.node, ...command]);
  }

  /** Address of the node in a Docker network. */
  async addressIn(network: string): Promise<string> {
    type Inspected = readonly {
      readonly NetworkSettings: { readonly Networks: Record<string, { IPAddress: string }> };
    }[];
    const [container] = await this.#commands.json<Inspected>('docker', ['inspect', this.node]);
    const address = container?.NetworkSettings.Networks[network]?.IPAddress;
    if (address === undefined || address === '') throw new Error(`${this.node} is not in network ${network}`);
    return address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commands.lasting.run('kind', [
      'delete',
      'cluster',
      '--name',
      this.name,
      '--kubeconfig',
      this.kubeconfig,
    ]);
  }
}

function kindConfig({ podSubnet, serviceSubnet }: KindClusterInit): string {
  return stringify({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    networking: { podSubnet, serviceSubnet },
  });
}
