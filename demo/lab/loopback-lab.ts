import type { Clock } from '../../runtime/clock.ts';
import type { Topology } from '../../topologies/schema.ts';
import { createLabDirectory, type LabDirectory, liveLabs, removeLabDirectory } from './directory.ts';
import { type Lab, type LabCapabilities, LabError, type LabHost, type LabSite, NotShownError, siteOf } from './lab.ts';
import { chooseLoopbackNet, type LabPlan, planLoopback } from './plan.ts';
import { type LabProcess, type SpawnOptions, startProcess } from './process.ts';
import { killLabProcesses } from './sweep.ts';

/**
 * The lab without root: hosts are loopback addresses of one network. It shows discovery, mTLS, failover, rotation and a
 * store outage; it cannot show a capture between networks, a black hole or identical address ranges, and says so.
 */
export class LoopbackLab implements Lab {
  readonly kind = 'loopback';
  readonly capabilities: LabCapabilities = { capture: false, blackHole: false, overlap: false, storeCut: 'process' };
  readonly #clock: Clock;
  readonly #plan: LabPlan;
  readonly #folder: LabDirectory;
  readonly #storeProcesses = new Set<LabProcess>();
  readonly #onExit = (): void => this.#destroyNow();
  #destroyed = false;

  constructor(components: { clock: Clock }, init: { topology: Topology }) {
    this.#clock = components.clock;
    const taken = liveLabs().flatMap(({ owner }) => (owner.loopbackNet === undefined ? [] : [owner.loopbackNet]));
    const net = chooseLoopbackNet(process.pid, new Set(taken));
    this.#plan = planLoopback(init.topology, net);
    this.#folder = createLabDirectory(net);
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

  /** Linux answers on all of 127.0.0.0/8 without being asked to. */
  create(): Promise<void> {
    return Promise.resolve();
  }

  spawn(host: LabHost, command: string, args: readonly string[], options: SpawnOptions): LabProcess {
    if (this.#destroyed) throw new LabError('lab-destroyed', 'the lab was destroyed');
    if (host === 'wan') throw new NotShownError('the wire between the networks');
    const [site, role] = host.split('/');
    if (role !== undefined && site !== undefined) this.site(site);
    const started = startProcess({ clock: this.#clock }, command, args, { ...options, labDirectory: this.directory });
    if (host === 'store') this.#storeProcesses.add(started);
    return started;
  }

  enter(): string | undefined {
    return undefined;
  }

  blackHole(site: string): Promise<void> {
    return Promise.reject(new NotShownError(`the black hole of ${site}`));
  }

  heal(site: string): Promise<void> {
    return Promise.reject(new NotShownError(`the black hole of ${site}`));
  }

  /** The store hangs: it still accepts connections and never answers. */
  cutStore(): Promise<void> {
    for (const running of this.#storeProcesses) running.signal('SIGSTOP');
    return Promise.resolve();
  }

  healStore(): Promise<void> {
    for (const running of this.#storeProcesses) running.signal('SIGCONT');
    return Promise.resolve();
  }

  destroy(): Promise<void> {
    process.removeListener('exit', this.#onExit);
    this.#destroyNow();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.destroy();
  }

  #destroyNow(): void {
    this.#destroyed = true;
    killLabProcesses(this.directory);
    removeLabDirectory(this.directory);
  }
}
