import type { Clock } from '../../runtime/clock.ts';
import { errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Topology } from '../../topologies/schema.ts';
import { createLabDirectory, type LabDirectory, removeLabDirectory } from './directory.ts';
import { identify, isAlive } from './identity.ts';
import { type Lab, type LabCapabilities, LabError, type LabHost, type LabSite, siteOf } from './lab.ts';
import {
  plugCommand,
  runIp,
  runIpNow,
  siteCommands,
  unplugCommand,
  type WireHost,
  wireCommands,
  wireHosts,
} from './network.ts';
import { type LabPlan, planNamespaces } from './plan.ts';
import { type LabProcess, type SpawnOptions, startProcess } from './process.ts';
import { killLabProcesses } from './sweep.ts';

/**
 * Every site a network of its own, with the same addresses in each: `ip netns`, for root. Namespaces are named after the
 * process that owns them, so that a later run can tell those of a crashed one from those of a running one.
 */
const NAME = /^isthmus-(\d+)-(\d+)-(\d+)-/;

/** One process may have several labs, as tests do. */
let labsMade = 0;

export class NamespaceLab implements Lab {
  readonly kind = 'namespaces';
  readonly capabilities: LabCapabilities = { capture: true, blackHole: true, overlap: true, storeCut: 'network' };
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #plan: LabPlan;
  readonly #folder: LabDirectory;
  readonly #prefix: string;
  readonly #hosts: readonly WireHost[];
  readonly #onExit = (): void => this.#destroyNow();
  #destroyed = false;

  constructor(components: { clock: Clock; log: Logger }, init: { topology: Topology }) {
    this.#clock = components.clock;
    this.#log = components.log;
    this.#plan = planNamespaces(init.topology);
    this.#folder = createLabDirectory();
    labsMade += 1;
    this.#prefix = `isthmus-${process.pid}-${this.#folder.owner.startTicks}-${labsMade}-`;
    this.#hosts = wireHosts(this.#plan, (host) => this.#namespace(host));
    process.once('exit', this.#onExit);
  }

  get directory(): string {
    return this.#folder.path;
  }

  get sites(): readonly LabSite[] {
    return this.#plan.sites;
  }

  get storeAddress(): string {
    return this.#plan.store;
  }

  site(name: string): LabSite {
    return siteOf(this.sites, name);
  }

  async create(): Promise<void> {
    const sites = this.sites.flatMap((site) =>
      siteCommands(site, this.#namespace(`${site.name}/gateway`), this.#namespace(`${site.name}/app`)),
    );
    for (const command of [...wireCommands(this.#namespace('wan'), this.#hosts), ...sites]) {
      // Destroyed while being built (Ctrl-C): going on would leave namespaces behind.
      if (this.#destroyed) throw new LabError('lab-destroyed', 'the lab was destroyed while it was being built');
      await runIp(command);
    }
  }

  enter(host: LabHost): string {
    return `ip netns exec ${this.#namespace(host)}`;
  }

  spawn(host: LabHost, command: string, args: readonly string[], options: SpawnOptions): LabProcess {
    if (this.#destroyed) throw new LabError('lab-destroyed', 'the lab was destroyed');
    // `ip netns exec` replaces itself by the command: the pid is the command's own.
    const inside = ['netns', 'exec', this.#namespace(host), command, ...args];
    return startProcess({ clock: this.#clock }, 'ip', inside, { ...options, labDirectory: this.directory });
  }

  async blackHole(site: string): Promise<void> {
    await runIp(unplugCommand(this.#namespace('wan'), this.#port(this.site(site).wan)));
  }

  async heal(site: string): Promise<void> {
    await runIp(plugCommand(this.#namespace('wan'), this.#port(this.site(site).wan)));
  }

  async cutStore(): Promise<void> {
    await runIp(unplugCommand(this.#namespace('wan'), this.#port(this.storeAddress)));
  }

  async healStore(): Promise<void> {
    await runIp(plugCommand(this.#namespace('wan'), this.#port(this.storeAddress)));
  }

  destroy(): Promise<void> {
    process.removeListener('exit', this.#onExit);
    this.#destroyNow();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  #namespace(host: string): string {
    const [name, role] = host.split('/');
    if (role !== undefined && name !== undefined) this.site(name);
    return `${this.#prefix}${host.replace('/', '-')}`;
  }

  #port(address: string): string {
    const host = this.#hosts.find((candidate) => candidate.address === address);
    if (host === undefined) throw new LabError('unknown-host', `nothing on the wire has the address ${address}`);
    return host.port;
  }

  /** Synchronous, because it also runs while the process exits. Programs first: a namespace lives as long as they do. */
  #destroyNow(): void {
    this.#destroyed = true;
    killLabProcesses(this.directory);
    deleteNamespaces(this.#log, (name) => name.startsWith(this.#prefix));
    removeLabDirectory(this.directory);
  }
}

/** Removes namespaces of labs whose process has gone without removing them. Returns their names. */
export function removeDeadNamespaces(components: { log: Logger }): readonly string[] {
  return deleteNamespaces(components.log, (name) => {
    const match = NAME.exec(name);
    if (match === null) return false;
    const [, pid = '', startTicks = ''] = match;
    return !isAlive({ pid: Number(pid), startTicks });
  });
}

/** Why namespaces cannot be used here, or undefined when they can. Tried, not guessed: root in a container may lack the right. */
export function namespacesRefused(components: { log: Logger }): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  const self = identify(process.pid);
  if (self === undefined) return 'there is no /proc';
  labsMade += 1;
  const probe = `isthmus-${self.pid}-${self.startTicks}-${labsMade}-probe`;
  try {
    runIpNow(['netns', 'add', probe]);
    return undefined;
  } catch (error) {
    return `root, but no network namespace can be made: ${errorText(error)}`;
  } finally {
    deleteNamespaces(components.log, (name) => name === probe);
  }
}

function deleteNamespaces(log: Logger, wanted: (name: string) => boolean): readonly string[] {
  return listNamespaces(log)
    .filter(wanted)
    .filter((name) => {
      try {
        runIpNow(['netns', 'delete', name]);
        return true;
      } catch (error) {
        log.warn('network namespace not removed', { namespace: name, err: errorText(error) });
        return false;
      }
    });
}

/** `ip netns list` prints `NAME` or `NAME (id: 3)`, one a line. */
function listNamespaces(log: Logger): readonly string[] {
  try {
    return runIpNow(['netns', 'list'])
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '')
      .filter((name) => name !== '');
  } catch (error) {
    log.debug('no network namespaces to list', { err: errorText(error) });
    return [];
  }
}
