import type { ClusterId } from './ids.ts';
import type { AppProtocol, ServicePort, ServiceRecord } from './records.ts';
import type { ServiceConflict } from './state.ts';

/**
 * One list of ports from several exports (KEP-1645: the union, conflicts resolved for the oldest export). A port of a
 * younger export is the same port when its name is, else when its protocol and number are. Where the two disagree in
 * what the wire depends on (number, protocol, HTTP or not), the younger cluster does not supply that port: a request
 * between gateways names the port number, and would find another service there.
 */
export interface PortSource {
  readonly cluster: ClusterId;
  readonly ports: ServiceRecord['ports'];
}

export interface MergedPorts {
  readonly ports: readonly ServicePort[];
  /** Per cluster the numbers of the merged ports that it supplies. */
  readonly offered: ReadonlyMap<ClusterId, ReadonlySet<number>>;
  readonly conflicts: readonly ServiceConflict[];
}

/** As for one export: hundreds of clusters must not add up to a service that no gateway can carry. */
export const MERGED_PORTS_MAX = 100;

interface Merging {
  port: ServicePort;
  readonly winner: ClusterId;
}

/** `sources` begins with the oldest export. */
export function mergePorts(sources: readonly PortSource[]): MergedPorts {
  const merging: Merging[] = [];
  const offered = new Map<ClusterId, ReadonlySet<number>>();
  const disputes = new Map<ClusterId, { readonly losers: ClusterId[]; readonly texts: string[] }>();
  const [oldest] = sources;
  for (const { cluster, ports } of sources) {
    // As most exports of a service are: nothing to look for, name by name, a hundred times over.
    const asOldest = oldest !== undefined && oldest.ports !== ports && isSameNamed(oldest.ports, ports);
    const known = asOldest ? offered.get(oldest.cluster) : undefined;
    if (known !== undefined) {
      offered.set(cluster, known);
      continue;
    }
    const numbers = new Set<number>();
    for (const port of ports) {
      const outcome = mergePort(merging, port, cluster);
      if (outcome.offered) numbers.add(port.port);
      if (outcome.dispute === undefined) continue;
      const dispute = disputes.get(outcome.dispute.winner) ?? { losers: [], texts: [] };
      if (!dispute.losers.includes(cluster)) dispute.losers.push(cluster);
      dispute.texts.push(`${cluster}: ${outcome.dispute.text}`);
      disputes.set(outcome.dispute.winner, dispute);
    }
    offered.set(cluster, numbers);
  }
  const conflicts = [...disputes].map(([winner, { losers, texts }]) => ({
    field: 'ports',
    winner,
    losers: losers.sort(),
    message: texts.sort().slice(0, DISPUTES_TOLD_MAX).join('; '),
  }));
  return { ports: finishPorts(merging), offered, conflicts };
}

/** Port by port the same, and every one with a name: a nameless port may have got its name from another export. */
function isSameNamed(left: readonly ServicePort[], right: readonly ServicePort[]): boolean {
  return (
    left.length === right.length &&
    left.every((port, index) => {
      const other = right[index];
      return other?.name === port.name && port.name !== '' && isSamePort(other, port);
    })
  );
}

function isSamePort(left: ServicePort, right: ServicePort): boolean {
  return isSameNumber(left, right) && left.appProtocol === right.appProtocol;
}

/** A condition is read by people. */
const DISPUTES_TOLD_MAX = 5;

interface PortOutcome {
  readonly offered: boolean;
  readonly dispute?: { readonly winner: ClusterId; readonly text: string };
}

function mergePort(merging: Merging[], port: ServicePort, cluster: ClusterId): PortOutcome {
  const sameNumber = merging.find((other) => isSameNumber(other.port, port));
  const sameName = port.name === '' ? undefined : merging.find((other) => other.port.name === port.name);
  const match = sameName ?? sameNumber;
  if (match === undefined) {
    if (merging.length >= MERGED_PORTS_MAX) {
      const winner = merging[0]?.winner ?? cluster;
      return { offered: false, dispute: { winner, text: `more than ${MERGED_PORTS_MAX} ports` } };
    }
    merging.push({ port, winner: cluster });
    return { offered: true };
  }
  // A nameless port says nothing about its name, so the first name given is no dispute.
  if (match.port.name === '' && port.name !== '' && sameName === undefined) {
    match.port = { ...match.port, name: port.name };
  }
  const text = disputeText(match.port, port);
  if (text === undefined) return { offered: true };
  const isSupplied = isSameNumber(match.port, port) && isHttp(match.port.appProtocol) === isHttp(port.appProtocol);
  return { offered: isSupplied, dispute: { winner: match.winner, text } };
}

function isSameNumber(left: ServicePort, right: ServicePort): boolean {
  return left.protocol === right.protocol && left.port === right.port;
}

function isHttp(protocol: AppProtocol): boolean {
  return protocol !== 'tcp';
}

function disputeText(winner: ServicePort, loser: ServicePort): string | undefined {
  const isNamed = loser.name !== '';
  if (isSameNumber(winner, loser) && winner.appProtocol === loser.appProtocol) {
    return !isNamed || winner.name === loser.name ? undefined : `${portText(loser)} against ${portText(winner)}`;
  }
  return `${portText(loser)} against ${portText(winner)}`;
}

function portText(port: ServicePort): string {
  return `${port.name === '' ? 'port' : port.name} ${port.port}/${port.protocol} ${port.appProtocol}`;
}

/** Sorted by number. With several ports each needs a name (core/v1 Service), so that a nameless one gets `PROTOCOL-NUMBER`. */
function finishPorts(merging: readonly Merging[]): readonly ServicePort[] {
  const taken = new Set(merging.map((entry) => entry.port.name));
  const ports = merging.map(({ port }) => {
    if (port.name !== '' || merging.length === 1) return port;
    let name = `${port.protocol.toLowerCase()}-${port.port}`;
    while (taken.has(name)) name = `${name}x`;
    taken.add(name);
    return { ...port, name };
  });
  return ports.sort((left, right) => left.port - right.port || (left.protocol < right.protocol ? -1 : 1));
}
