/**
 * The networks of a topology as Docker networks: one for each, where clusters are alone or together, and one for each link,
 * which the nodes of all its clusters join. Docker keeps networks apart, so that what is not linked cannot be reached.
 */
import type { Topology, TopologyCluster } from '../../topologies/schema.ts';
import { type Commands, unlessCommand } from './commands.ts';
import type { KindCluster } from './kind-cluster.ts';

export class Wires implements AsyncDisposable {
  readonly #commands: Commands;
  readonly #topology: Topology;
  readonly #made: string[] = [];

  private constructor(commands: Commands, topology: Topology) {
    this.#commands = commands;
    this.#topology = topology;
  }

  static async create(commands: Commands, topology: Topology): Promise<Wires> {
    await using starting = new AsyncDisposableStack();
    const wires = starting.use(new Wires(commands, topology));
    const { networks, links } = topology.spec;
    for (const { name } of [...networks, ...links]) await wires.#make(name);
    starting.move();
    return wires;
  }

  /** Of a run that was kept. Networks that are gone already are no error. */
  static async remove(commands: Commands, topology: Topology): Promise<void> {
    const { networks, links } = topology.spec;
    for (const { name } of [...networks, ...links]) {
      await commands.run('docker', ['network', 'rm', `${topology.metadata.name}-${name}`]).catch(unlessCommand);
    }
  }

  /** Docker network of the cluster's own network. */
  home({ network }: TopologyCluster): string {
    return this.#docker(network);
  }

  /** Plugs the node into the links of its network. */
  async plug(cluster: TopologyCluster, node: KindCluster): Promise<void> {
    for (const link of this.#linksOf(cluster)) {
      await this.#commands.run('docker', ['network', 'connect', this.#docker(link), node.node]);
    }
  }

  /** Where clusters of other networks reach it; without a link, where those of its own network do. */
  publicAddress(cluster: TopologyCluster, node: KindCluster): Promise<string> {
    const [link] = this.#linksOf(cluster);
    return node.addressIn(this.#docker(link ?? cluster.network));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const network of this.#made.splice(0)) await this.#commands.lasting.run('docker', ['network', 'rm', network]);
  }

  #linksOf({ network }: TopologyCluster): readonly string[] {
    return this.#topology.spec.links.filter(({ networks }) => networks.includes(network)).map(({ name }) => name);
  }

  #docker(name: string): string {
    return `${this.#topology.metadata.name}-${name}`;
  }

  async #make(name: string): Promise<void> {
    await this.#commands.run('docker', ['network', 'create', this.#docker(name)]);
    this.#made.push(this.#docker(name));
  }
}
