/**
 * What local workloads can reach: one entry per imported service port. This runs after every change of anything, so the
 * services that it may concern are found first, and the entries of all others are taken over without a look.
 */
import { changedKeys } from '../federation/model/diff.ts';
import type { FailoverOrders } from '../federation/model/failover-order.ts';
import { failoverOf, namespaceOf, NO_ORDERS } from '../federation/model/failover-order.ts';
import type { ClusterId, ServiceKey, ServicePortKey } from '../federation/model/ids.ts';
import { compareText, servicePortKey } from '../federation/model/ids.ts';
import type { LocalService } from '../federation/model/local.ts';
import type { AppProtocol, ServicePort } from '../federation/model/records.ts';
import type { FederationState, MergedService } from '../federation/model/state.ts';
import type { CompileInput, OwnPort } from './compile-input.ts';
import { addressText, ownPorts, readyEndpoints } from './compile-input.ts';
import type { Candidate } from './failover.ts';
import { planFailover } from './failover.ts';
import type { EgressIR, EndpointIR, GatewayIR, PeerIR } from './ir.ts';
import { parseServicePort } from './service-port.ts';

export interface Before {
  readonly input: CompileInput | undefined;
  readonly ir: GatewayIR;
}

interface Imported {
  readonly key: ServicePortKey;
  readonly listenPort: number;
  readonly merged: MergedService;
  readonly port: ServicePort;
  readonly local: LocalService | undefined;
}

/** Sorted by service. */
export function compileEgress(
  input: CompileInput,
  peers: readonly PeerIR[],
  before: Before | undefined,
): readonly EgressIR[] {
  const compiler = new EgressCompiler(input, peers);
  const touched = touchedServices(input, peers, before);
  if (before === undefined || touched === undefined) return compiler.all();
  if (touched.size === 0) return before.ir.egress;
  const egress = [...before.ir.egress];
  for (const service of touched) {
    for (const key of portKeys(service, before.input?.state, input.state)) put(egress, key, compiler.one(key));
  }
  return egress;
}

class EgressCompiler {
  readonly #input: CompileInput;
  readonly #reachable: ReadonlySet<ClusterId>;
  readonly #members: readonly ClusterId[];

  constructor(input: CompileInput, peers: readonly PeerIR[]) {
    this.#input = input;
    this.#reachable = new Set(peers.filter(({ gateways }) => gateways.length > 0).map(({ cluster }) => cluster));
    this.#members = peers.map(({ cluster }) => cluster);
  }

  all(): readonly EgressIR[] {
    const found = [...this.#input.ports.keys()].map((key) => this.one(key)).filter((entry) => entry !== undefined);
    return found.sort((left, right) => compareText(left.service, right.service));
  }

  /** Nothing for a port that is not imported, or has no gateway port. */
  one(key: ServicePortKey): EgressIR | undefined {
    const listenPort = this.#input.ports.get(key);
    const imported = listenPort === undefined ? undefined : findImported(this.#input, key, listenPort);
    return imported && compileOne(this.#input, imported, this.#reachable, this.#members);
  }
}

function findImported(input: CompileInput, key: ServicePortKey, listenPort: number): Imported | undefined {
  const { service, port: number } = parseServicePort(key);
  const merged = input.state.services.get(service);
  if (merged === undefined || merged.type !== 'ClusterSetIP') return undefined;
  const port = merged.ports.find((candidate) => candidate.protocol === 'TCP' && candidate.port === number);
  if (port === undefined) return undefined;
  return { key, listenPort, merged, port, local: input.local.services.get(service) };
}

function compileOne(
  input: CompileInput,
  imported: Imported,
  reachable: ReadonlySet<ClusterId>,
  members: readonly ClusterId[],
): EgressIR {
  const own = ownPort(imported);
  // Callers only need to know whether it is HTTP; own pods must be spoken to as they speak.
  const protocol: AppProtocol = own?.protocol ?? imported.port.appProtocol;
  return {
    service: imported.key,
    protocol,
    listen: { address: input.site.egressAddress, port: imported.listenPort },
    local: own === undefined ? [] : ownBackends(input, imported, own),
    ...planFailover(
      input.site,
      candidates(input, imported, reachable),
      failoverOf(input.failover, imported.merged.key),
    ),
    ...(protocol === 'tcp' ? { carriers: carriers(input, imported.merged, members) } : {}),
  };
}

/** Own pods back a clusterset service only when this cluster exports it (KEP-1645). */
function ownPort(imported: Imported): OwnPort | undefined {
  if (imported.local?.exported !== true) return undefined;
  return ownPorts(imported.local, imported.merged).find(({ service }) => service === imported.key);
}

function ownBackends(input: CompileInput, imported: Imported, own: OwnPort): readonly EndpointIR[] {
  return readyEndpoints(imported.local?.endpoints ?? [], own.number).filter(
    (endpoint) => !input.unhealthy.has(`${imported.key}|${addressText(endpoint.address, endpoint.port)}`),
  );
}

function candidates(input: CompileInput, imported: Imported, reachable: ReadonlySet<ClusterId>): Candidate[] {
  const { cluster: self } = input.site;
  return imported.merged.backends
    .filter(({ cluster }) => cluster !== self && reachable.has(cluster))
    .filter(({ grantedTo }) => grantedTo === undefined || grantedTo.includes(self))
    .map(({ cluster, network, region, zone, ready, standby }) => ({
      cluster,
      network,
      region,
      zone,
      standby,
      ready: ready.filter(({ port }) => port === imported.port.port).reduce((sum, weight) => sum + weight.ready, 0),
    }));
}

function carriers(input: CompileInput, merged: MergedService, members: readonly ClusterId[]): readonly ClusterId[] {
  return members.filter((cluster) => input.state.peers.get(cluster)?.view.services.has(merged.key)).sort(compareText);
}

/** The services whose entries may differ from last time's; nothing when it could be any. */
function touchedServices(
  input: CompileInput,
  peers: readonly PeerIR[],
  before: Before | undefined,
): ReadonlySet<ServiceKey> | undefined {
  const last = before?.input;
  const sameFrame = before !== undefined && last !== undefined && before.ir.peers === peers && last.site === input.site;
  if (!sameFrame) return undefined;
  const touched = new Set<ServiceKey>(changedKeys(last.state.services, input.state.services));
  for (const key of changedKeys(last.local.services, input.local.services)) touched.add(key);
  for (const key of reordered(last.failover, input)) touched.add(key);
  for (const key of changedKeys(last.ports, input.ports)) touched.add(parseServicePort(key).service);
  for (const key of changedChecks(last.unhealthy, input.unhealthy)) touched.add(parseServicePort(key).service);
  // Who carries a TCP service is told by who exports it, whatever became of the merged service.
  for (const { cluster } of peers) {
    const then = last.state.peers.get(cluster)?.view.services;
    const now = input.state.peers.get(cluster)?.view.services;
    for (const key of changedKeys(then, now)) if (then?.has(key) !== now?.has(key)) touched.add(key);
  }
  return touched;
}

/** The services whose explicit order changed. */
function reordered(last: FailoverOrders = NO_ORDERS, input: CompileInput): readonly ServiceKey[] {
  const now = input.failover ?? NO_ORDERS;
  if (last === now) return [];
  const named = changedKeys(last.services, now.services);
  const namespaces = new Set(changedKeys(last.namespaces, now.namespaces));
  if (namespaces.size === 0) return named;
  return [...named, ...[...input.state.services.keys()].filter((key) => namespaces.has(namespaceOf(key)))];
}

function portKeys(
  service: ServiceKey,
  then: FederationState | undefined,
  now: FederationState,
): ReadonlySet<ServicePortKey> {
  const ports = [...(then?.services.get(service)?.ports ?? []), ...(now.services.get(service)?.ports ?? [])];
  return new Set(ports.map(({ port }) => servicePortKey(service, port)));
}

/** In a list that is sorted by service. Nothing takes the entry out. */
function put(egress: EgressIR[], key: ServicePortKey, entry: EgressIR | undefined): void {
  let low = 0;
  let high = egress.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareText(egress[middle]?.service ?? '', key) < 0) low = middle + 1;
    else high = middle;
  }
  const found = egress[low]?.service === key ? 1 : 0;
  egress.splice(low, found, ...(entry === undefined ? [] : [entry]));
}

/** The services with an endpoint whose check turned. Entries are `NS/NAME:PORT|ADDRESS:PORT`. */
function changedChecks(then: ReadonlySet<string>, now: ReadonlySet<string>): ReadonlySet<ServicePortKey> {
  if (then === now) return new Set();
  const turned = [...[...then].filter((entry) => !now.has(entry)), ...[...now].filter((entry) => !then.has(entry))];
  // What comes before the bar is the service port.
  return new Set(turned.map((entry) => entry.slice(0, entry.indexOf('|')) as ServicePortKey));
}
