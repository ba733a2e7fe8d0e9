/**
 * What local workloads can reach: one entry per imported service port. This runs after every change of anything, so a
 * service whose inputs are the same objects as last time is taken over without being looked at.
 */
import type { ClusterId, ServicePortKey } from '../federation/model/ids.ts';
import { compareText } from '../federation/model/ids.ts';
import type { LocalService } from '../federation/model/local.ts';
import type { AppProtocol, ServicePort } from '../federation/model/records.ts';
import type { MergedService } from '../federation/model/state.ts';
import type { CompileInput, OwnPort } from './compile-input.ts';
import { addressText, ownPorts, readyEndpoints } from './compile-input.ts';
import type { Candidate } from './failover.ts';
import { planTiers } from './failover.ts';
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

/** Unsorted. */
export function compileEgress(input: CompileInput, peers: readonly PeerIR[], before: Before | undefined): EgressIR[] {
  const reachable = new Set(peers.filter(({ gateways }) => gateways.length > 0).map(({ cluster }) => cluster));
  const members = peers.map(({ cluster }) => cluster);
  const reuse = reusable(input, peers, before);
  const found: EgressIR[] = [];
  for (const [key, listenPort] of input.ports) {
    const known = reuse(key);
    const imported = known === undefined ? findImported(input, key, listenPort) : undefined;
    if (known !== undefined) found.push(known);
    else if (imported !== undefined) found.push(compileOne(input, imported, reachable, members));
  }
  return found;
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
    tiers: planTiers(input.site, candidates(input, imported, reachable)),
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

/** A look-up of last time's entry that answers only when nothing it was made from has changed. */
function reusable(
  input: CompileInput,
  peers: readonly PeerIR[],
  before: Before | undefined,
): (key: ServicePortKey) => EgressIR | undefined {
  const last = before?.input;
  const sameFrame = before !== undefined && last !== undefined && before.ir.peers === peers && last.site === input.site;
  if (!sameFrame) return () => undefined;
  const checked = changedChecks(last.unhealthy, input.unhealthy);
  const entries = new Map(before.ir.egress.map((entry) => [entry.service, entry]));
  const changedViews = peers
    .map(({ cluster }) => [last.state.peers.get(cluster)?.view.services, input.state.peers.get(cluster)?.view.services])
    .filter(([then, now]) => then !== now);
  return (key) => {
    const { service } = parseServicePort(key);
    const same =
      last.ports.get(key) === input.ports.get(key) &&
      !checked.has(key) &&
      last.state.services.get(service) === input.state.services.get(service) &&
      last.local.services.get(service) === input.local.services.get(service) &&
      changedViews.every(([then, now]) => (then?.has(service) ?? false) === (now?.has(service) ?? false));
    return same ? entries.get(key) : undefined;
  };
}

/** The services with an endpoint whose check turned. Entries are `NS/NAME:PORT|ADDRESS:PORT`. */
function changedChecks(then: ReadonlySet<string>, now: ReadonlySet<string>): ReadonlySet<string> {
  if (then === now) return new Set();
  const turned = [...[...then].filter((entry) => !now.has(entry)), ...[...now].filter((entry) => !then.has(entry))];
  return new Set(turned.map((entry) => entry.slice(0, entry.indexOf('|'))));
}
