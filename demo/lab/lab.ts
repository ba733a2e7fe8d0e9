import { IsthmusError } from '../../runtime/errors.ts';
import type { LabProcess, SpawnOptions } from './process.ts';

/**
 * A lab is a handful of sites on separate networks, made on one machine: where the demo, the failover tests and the
 * benchmarks run real gateways. Two kinds exist (network namespaces for root, loopback addresses otherwise); both have
 * the same hosts and let every program use the same ports, so that what runs in one runs in the other.
 */

/** Where a program runs. `wan` is the wire between the networks: it has no address, only a capture runs there. */
export type LabHost = `${string}/gateway` | `${string}/app` | 'store' | 'wan';

export interface LabSite {
  readonly name: string;
  /** Address of the gateway host on the wire between the networks. */
  readonly wan: string;
  /** Address of the gateway host inside the site: where egress listeners are. */
  readonly lan: string;
  /** Addresses of the application host inside the site, ten of them: each plays a pod. */
  readonly apps: readonly [string, ...string[]];
}

export interface LabCapabilities {
  /** The wire can be recorded. */
  readonly capture: boolean;
  /** A site's packets can be made to vanish silently. */
  readonly blackHole: boolean;
  /** Sites use identical address ranges. */
  readonly overlap: boolean;
  /** How the store is cut off: its packets vanish, or its processes stand still (they accept and never answer). */
  readonly storeCut: 'network' | 'process';
}

export interface Lab extends AsyncDisposable {
  readonly kind: 'namespaces' | 'loopback';
  readonly capabilities: LabCapabilities;
  /** A private folder for state, configurations and logs. Removed by `destroy`. */
  readonly directory: string;
  readonly sites: readonly LabSite[];
  /** Address of the store's host on the wire between the networks. */
  readonly storeAddress: string;

  /** @throws IsthmusError `unknown-site` */
  site(name: string): LabSite;
  /** Builds the networks. Call once, before anything else. */
  create(): Promise<void>;
  /** Starts a program on a host. It, and what it started, is killed by `destroy`. */
  spawn(host: LabHost, command: string, args: readonly string[], options: SpawnOptions): LabProcess;
  /** What to put before a command so that it runs on that host, for people who look around; undefined when nothing. */
  enter(host: LabHost): string | undefined;
  /** From now on packets from and to the site's gateway vanish: no reset, no ICMP, no ARP failure. */
  blackHole(site: string): Promise<void>;
  heal(site: string): Promise<void>;
  cutStore(): Promise<void>;
  healStore(): Promise<void>;
  /** Ends all programs, removes networks and folder. May be called again, and at any time. */
  destroy(): Promise<void>;
}

/** The lab at hand cannot show this. The demo prints it as "not shown", never as passed. */
export class NotShownError extends IsthmusError {
  constructor(what: string) {
    super('not-shown', `not shown: ${what} needs root`, {
      hint: 'run as root to give every site a network of its own',
    });
  }
}

export class LabError extends IsthmusError {}

export function siteOf(sites: readonly LabSite[], name: string): LabSite {
  const site = sites.find((candidate) => candidate.name === name);
  if (site !== undefined) return site;
  throw new LabError('unknown-site', `the lab has no site ${JSON.stringify(name)}`, {
    hint: `sites: ${sites.map((candidate) => candidate.name).join(', ')}`,
  });
}
