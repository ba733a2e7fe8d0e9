import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { LabError, type LabSite } from './lab.ts';
import type { LabPlan } from './plan.ts';

/**
 * The networks of a lab as arguments of `ip` (iproute2), in the order in which they are run. Pure but for `runIp`.
 *
 *     app --(LAN, the same range in every site)-- gateway --(veth)-- bridge --(veth)-- gateway ...
 *                                                                      +------ store
 *
 * The bridge lives in a namespace of its own and has no address, so nothing but gateways and store can be spoken to
 * there. No namespace has a route beyond its links, and none forwards: no packet leaves the lab.
 */
export const BRIDGE = 'wire';
/** The interface of a gateway or of the store on the wire. */
const WAN_LINK = 'wan0';
const LAN_LINK = 'lan0';
const IP_TIMEOUT_MS = 10_000;
const PREFIX_LENGTH = 24;

/** Bridge ports are numbered, because a site's name may be longer than the 15 characters of an interface. */
export function bridgePort(index: number): string {
  return `port${index}`;
}

export interface WireHost {
  readonly namespace: string;
  readonly address: string;
  /** Locally administered; fixed, so that neighbours can know it in advance. */
  readonly mac: string;
  readonly port: string;
}

/** Who is on the wire: the gateways in the plan's order, then the store. */
export function wireHosts(plan: LabPlan, namespace: (host: string) => string): readonly WireHost[] {
  const hosts = [
    ...plan.sites.map(({ name, wan }) => [`${name}/gateway`, wan] as const),
    ['store', plan.store] as const,
  ];
  return hosts.map(([host, address], index) => ({
    namespace: namespace(host),
    address,
    mac: `02:00:00:00:${hex(index >> 8)}:${hex(index & 0xff)}`,
    port: bridgePort(index),
  }));
}

export function wireCommands(wire: string, hosts: readonly WireHost[]): string[][] {
  return [
    ['netns', 'add', wire],
    isolate(wire),
    // A bridge that snoops on multicast joins a group, and says so on the wire.
    ['-n', wire, 'link', 'add', BRIDGE, 'type', 'bridge', 'mcast_snooping', '0'],
    ['-n', wire, 'link', 'set', BRIDGE, 'up'],
    ...hosts.flatMap((host) => wireHostCommands(wire, host)),
    ...hosts.flatMap((host) => hosts.filter((other) => other !== host).map((other) => neighbour(host, other))),
  ];
}

function wireHostCommands(wire: string, { namespace, address, mac, port }: WireHost): string[][] {
  return [
    ['netns', 'add', namespace],
    isolate(namespace),
    ['-n', namespace, 'link', 'set', 'lo', 'up'],
    ['-n', namespace, 'link', 'add', WAN_LINK, 'address', mac, 'type', 'veth', 'peer', 'name', port, 'netns', wire],
    ['-n', namespace, 'addr', 'add', `${address}/${PREFIX_LENGTH}`, 'dev', WAN_LINK],
    ['-n', wire, 'link', 'set', port, 'master', BRIDGE, 'up'],
    ['-n', namespace, 'link', 'set', WAN_LINK, 'up'],
  ];
}

/**
 * Neighbours are known for good. Otherwise a black hole would be noticed after 3 s as "no route to host" (ARP fails),
 * which no host behind a real wide-area network is ever told.
 */
function neighbour(host: WireHost, other: WireHost): string[] {
  return [
    '-n',
    host.namespace,
    'neigh',
    'replace',
    other.address,
    'lladdr',
    other.mac,
    'dev',
    WAN_LINK,
    'nud',
    'permanent',
  ];
}

export function siteCommands(site: LabSite, gateway: string, app: string): string[][] {
  return [
    ['netns', 'add', app],
    isolate(app),
    ['-n', app, 'link', 'set', 'lo', 'up'],
    ['-n', gateway, 'link', 'add', LAN_LINK, 'type', 'veth', 'peer', 'name', LAN_LINK, 'netns', app],
    ['-n', gateway, 'addr', 'add', `${site.lan}/${PREFIX_LENGTH}`, 'dev', LAN_LINK],
    ...site.apps.map((address) => ['-n', app, 'addr', 'add', `${address}/${PREFIX_LENGTH}`, 'dev', LAN_LINK]),
    ['-n', gateway, 'link', 'set', LAN_LINK, 'up'],
    ['-n', app, 'link', 'set', LAN_LINK, 'up'],
    // The load generator opens thousands of connections to one address; each keeps its port for a minute after.
    ['netns', 'exec', app, 'sh', '-c', 'echo 10000 65535 >/proc/sys/net/ipv4/ip_local_port_range'],
  ];
}

/** Off the bridge a port's packets go nowhere, in both directions, and nobody is told. */
export function unplugCommand(wire: string, port: string): string[] {
  return ['-n', wire, 'link', 'set', port, 'nomaster'];
}

export function plugCommand(wire: string, port: string): string[] {
  return ['-n', wire, 'link', 'set', port, 'master', BRIDGE];
}

/**
 * Without IPv6 no interface gets a link-local address: the wire has no address but those given here. Written by a shell,
 * because `sysctl` is not on every machine.
 */
function isolate(namespace: string): string[] {
  const script = [
    '[ ! -d /proc/sys/net/ipv6/conf ] || for set in all default; do echo 1 >/proc/sys/net/ipv6/conf/$set/disable_ipv6; done',
    'echo 0 >/proc/sys/net/ipv4/ip_forward',
  ];
  return ['netns', 'exec', namespace, 'sh', '-c', script.join('; ')];
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

const execute = promisify(execFile);

/** @throws LabError with the command and what `ip` said */
export async function runIp(args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await execute('ip', [...args], { timeout: IP_TIMEOUT_MS });
    return stdout;
  } catch (error) {
    throw new LabError('network', `ip ${args.join(' ')} failed: ${complaint(error)}`, { cause: error });
  }
}

/** The same while the process exits, when nothing can be awaited any more. */
export function runIpNow(args: readonly string[]): string {
  return execFileSync('ip', [...args], {
    timeout: IP_TIMEOUT_MS,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

function complaint(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  return said === '' ? error.message : said;
}
