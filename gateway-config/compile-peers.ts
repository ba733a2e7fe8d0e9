/**
 * Peers come from the roster, not from records: a member's trust anchor is known before its first record arrives, so
 * that it can call from the start, and a member that the roster no longer calls active vanishes whatever it publishes.
 */
import { isIP } from 'node:net';
import { compareText } from '../federation/model/ids.ts';
import type { GatewayRecord } from '../federation/model/records.ts';
import type { RosterMember } from '../trust/contract.ts';
import { formatSpiffeId, gatewayId } from '../trust/spiffe.ts';
import type { CompileInput } from './compile-input.ts';
import { addressText, compareEndpoints } from './compile-input.ts';
import type { PeerIR } from './ir.ts';

type GatewayEndpoint = PeerIR['gateways'][number];

/** A host name that resolves to very many addresses must not fill the table. */
const GATEWAY_ADDRESSES_MAX = 256;
const PEM_LINE_LENGTH = 64;

export function compilePeers(input: CompileInput): readonly PeerIR[] {
  const { cluster: self } = input.site;
  return input.roster.members
    .filter((member) => member.status === 'active' && member.cluster !== self)
    .map((member) => peerOf(input, member))
    .sort((left, right) => compareText(left.cluster, right.cluster));
}

interface Compiled {
  readonly from: readonly unknown[];
  readonly peer: PeerIR;
}

/** Every change of anything comes here, and hundreds of peers are as they were. Kept as long as the roster's member is. */
const compiledOf = new WeakMap<RosterMember, Compiled>();

function peerOf(input: CompileInput, member: RosterMember): PeerIR {
  const { site, addresses, state } = input;
  const view = state.peers.get(member.cluster)?.view;
  const from = [site, addresses, view?.info.network, view?.gateways];
  const known = compiledOf.get(member);
  if (known?.from.every((value, index) => value === from[index]) === true) return known.peer;
  const peer: PeerIR = {
    cluster: member.cluster,
    ...(view === undefined ? {} : { network: view.info.network }),
    identity: formatSpiffeId(gatewayId(member.cluster, site.clustersetDomain, site.gatewaySet)),
    anchorsPem: member.caCertificates.map(pemOf).join(''),
    gateways: gatewayEndpoints(view?.gateways ?? [], addresses),
  };
  compiledOf.set(member, { from, peer });
  return peer;
}

/**
 * A draining gateway is left out altogether: new connections avoid it and held ones end with its own drain. So is one
 * that cannot carry both kinds of traffic, as a service's kind is not known when a gateway is chosen.
 */
function gatewayEndpoints(
  gateways: readonly GatewayRecord[],
  addresses: CompileInput['addresses'],
): readonly GatewayEndpoint[] {
  const found = new Map<string, GatewayEndpoint>();
  for (const gateway of gateways) {
    if (gateway.draining || gateway.weight <= 0 || !carriesAll(gateway)) continue;
    for (const { host, port } of gateway.addresses) {
      for (const address of isIP(host) > 0 ? [host] : (addresses.get(host) ?? [])) {
        found.set(addressText(address, port), { address, port, weight: gateway.weight });
      }
    }
  }
  return [...found.values()].sort(compareEndpoints).slice(0, GATEWAY_ADDRESSES_MAX);
}

function carriesAll(gateway: GatewayRecord): boolean {
  return gateway.modes.includes('http') && gateway.modes.includes('tcp');
}

function pemOf(derInBase64: string): string {
  const lines = derInBase64.match(new RegExp(`.{1,${PEM_LINE_LENGTH}}`, 'g')) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
