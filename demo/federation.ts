import { join } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { CLI, DemoSite, type Backend, type DemoService } from './site.ts';
import type { Lab, LabSite } from './lab/lab.ts';
import { LoadProcess } from './load/load-process.ts';
import { until } from './until.ts';

/**
 * The demo's world: a store server on its own host, three sites that were enrolled as a user enrols them, applications,
 * and constant load from `east` to `shop` and `db`, which every site exports.
 */
export const CLUSTERSET = 'demo.example';
export const HTTP_RATE = 300;
export const TCP_RATE = 50;
export const STORE_PORT = 15_090;
export const GATEWAY_PORT = 15_443;
/** Short, so that several renewals of every gateway's certificate fall into the run. */
export const LEAF_LIFETIME_S = 20;
const READY_TIMEOUT_MS = 60_000;

export interface Federation {
  readonly lab: Lab;
  readonly east: DemoSite;
  readonly west: DemoSite;
  readonly edge: DemoSite;
  readonly sites: readonly DemoSite[];
  readonly load: LoadProcess;
  readonly clock: Clock;
  /** Connections to db that were held, besides the stream of attempts: Envoy counts them too. */
  readonly extraTcpConnections: { count: number };
}

export async function startFederation(
  components: { clock: Clock; lab: Lab },
  progress: (text: string) => void,
): Promise<Federation> {
  const { clock, lab } = components;
  const sites = lab.sites.map((host) => new DemoSite(components, { host }));
  const [east, west, edge] = sites as [DemoSite, DemoSite, DemoSite];
  progress('store server and applications');
  const [link] = await Promise.all([startStore(lab), ...sites.map(startApplications)]);
  progress('east: isthmus init --up');
  await east.up('init', [
    '--cluster',
    'east',
    '--clusterset',
    CLUSTERSET,
    '--store',
    link,
    ...siteFlags(lab, east.host),
  ]);
  progress('west, edge: isthmus token create, isthmus join --up');
  const loading = LoadProcess.start(components, { host: 'east/app' });
  await Promise.all([west, edge].map((site) => joinSite({ clock, lab, east, site })));
  const load = await loading;
  progress('waiting until every site sees every service');
  const everywhere = Object.fromEntries(sites.map(({ name }) => [name, 2]));
  for (const site of sites) {
    await site.untilServed('shop', everywhere, READY_TIMEOUT_MS);
    await site.untilServed('db', everywhere, READY_TIMEOUT_MS);
  }
  await east.untilServed('catalog', { west: 1 }, READY_TIMEOUT_MS);
  return { lab, east, west, edge, sites, load, clock, extraTcpConnections: { count: 0 } };
}

async function startStore(lab: Lab): Promise<string> {
  const args = [
    ...[CLI, 'store', 'serve', '--state-dir', join(lab.directory, 'store')],
    ...['--listen', `${lab.storeAddress}:${STORE_PORT}`],
  ];
  const store = lab.spawn('store', process.execPath, args, { name: 'store' });
  const [link] = await store.untilLogged(/^isthmus:\/\/\S+/m, READY_TIMEOUT_MS);
  return link;
}

async function joinSite(parts: { clock: Clock; lab: Lab; east: DemoSite; site: DemoSite }): Promise<void> {
  const { clock, lab, east, site } = parts;
  const token = await until(clock, { what: 'a token from east', timeoutMs: READY_TIMEOUT_MS }, () =>
    east.token(site.name),
  );
  await site.up('join', ['--token', token, ...siteFlags(lab, site.host)]);
}

function siteFlags(lab: Lab, host: LabSite): readonly string[] {
  return [
    ...['--gateway-address', host.wan, '--listen-address', host.wan, '--egress-address', host.lan],
    ...['--services', join(lab.directory, `${host.name}-services`)],
    ...(lab.capabilities.overlap ? ['--pod-cidrs', '10.0.0.0/24'] : []),
    ...['--region', REGIONS[host.name] ?? 'europe'],
    ...['--fail-back-after', '3s', '--leaf-lifetime', `${LEAF_LIFETIME_S}s`],
    ...['--health-listen', 'off', '--metrics-listen', 'off'],
    ...(lab.kind === 'loopback' && host.name === 'east' ? ['--dev'] : []),
  ];
}

const REGIONS: Readonly<Record<string, string>> = { east: 'europe', west: 'europe', edge: 'america' };

export function backendsOf(host: LabSite): readonly [Backend, Backend] {
  return [
    { name: `${host.name}-1`, address: host.apps[0] },
    { name: `${host.name}-2`, address: host.apps[1] ?? host.apps[0] },
  ];
}

export function servicesOf(host: LabSite): readonly DemoService[] {
  const backends = backendsOf(host);
  const everywhere: readonly DemoService[] = [
    { name: 'shop', kind: 'http', export: true, backends },
    { name: 'db', kind: 'tcp', export: true, backends },
  ];
  if (host.name !== 'west') return everywhere;
  const [first] = backends;
  return [
    ...everywhere,
    { name: 'catalog', kind: 'http', export: true, backends: [first] },
    { name: 'private', kind: 'http', export: false, backends: [first] },
  ];
}

async function startApplications(site: DemoSite): Promise<string> {
  await site.writeServices(servicesOf(site.host));
  await Promise.all(backendsOf(site.host).map((backend) => site.startBackend(backend)));
  return '';
}
