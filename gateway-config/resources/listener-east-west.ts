/**
 * `in`: the one listener that peers connect to. Its SNI map is the grant: one entry per caller for HTTP, one per caller and
 * TCP service. There is no default: any other name is refused before the handshake. Fields of the listener itself never
 * change, because such a change drains every connection; adding and removing chains and entries drains nobody else's.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create, toBinary } from '@bufbuild/protobuf';
import type { ServicePortKey } from '../../federation/model/ids.ts';
import { SocketOption_SocketState as SocketState } from '../gen/envoy/config/core/v3/socket_option_pb.ts';
import type { SocketOptionSchema } from '../gen/envoy/config/core/v3/socket_option_pb.ts';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts';
import { TlsInspectorSchema } from '../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts';
import { ServerNameInputSchema } from '../gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.ts';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { Matcher_OnMatch } from '../gen/xds/type/matcher/v3/matcher_pb.ts';
import { Matcher_OnMatchSchema } from '../gen/xds/type/matcher/v3/matcher_pb.ts';
import type { GatewayIR, IngressIR, PeerIR } from '../ir.ts';
import { httpSni, INGRESS_LISTENER, tcpKey } from '../naming.ts';
import { TYPE_URL } from '../snapshot.ts';
import { connectionLog } from './access-log.ts';
import { httpChain, httpChainName, tcpChain, tcpChainName } from './chain-ingress.ts';
import type { TypedResource } from './encode.ts';
import { wrapResource } from './encode.ts';
import type { Frame } from './frame.ts';
import { concatenate, remembered } from './frame.ts';
import { durationOf, extension, extensionChoice, socketAddress } from './messages.ts';
import * as settings from './settings.ts';

const SOL_SOCKET = 1n;
const SO_SNDBUF = 7n;
const SO_KEEPALIVE = 9n;
const IPPROTO_TCP = 6n;
const TCP_KEEPIDLE = 4n;
const TCP_KEEPINTVL = 5n;
const TCP_KEEPCNT = 6n;

/** `undefined` without peers: Envoy refuses an empty SNI map, and there is nobody to listen for. */
export function eastWestListener(frame: Frame, ir: GatewayIR): TypedResource | undefined {
  if (ir.peers.length === 0) return undefined;
  const ingressOf = new Map(ir.ingress.map((item) => [item.caller, item]));
  const chains = ir.peers.map((peer) => remembered(frame, peer, () => encodeChains(frame, peer)));
  const names = ir.peers.map((peer) => {
    const ingress = ingressOf.get(peer.cluster) ?? { caller: peer.cluster, http: [], tcp: [] };
    return remembered(frame, ingress, () => encodeNames(frame, peer, ingress));
  });
  return wrapResource(TYPE_URL.listener, INGRESS_LISTENER, concatenate([encodeBase(frame, ir), ...chains, ...names]));
}

function encodeBase(frame: Frame, ir: GatewayIR): Uint8Array {
  const listener = create(ListenerSchema, {
    name: INGRESS_LISTENER,
    address: socketAddress(ir.eastWest.address, ir.eastWest.port),
    listenerFilters: [extensionChoice('tls_inspector', TlsInspectorSchema, {})],
    listenerFiltersTimeout: durationOf(settings.LISTENER_FILTERS_TIMEOUT_MS),
    socketOptions: socketOptions(),
    accessLog: [connectionLog(frame)],
    filterChainMatcher: {
      matcherType: {
        case: 'matcherTree',
        value: { input: extension('sni', ServerNameInputSchema, {}), treeType: { case: 'exactMatchMap', value: {} } },
      },
    },
  });
  return toBinary(ListenerSchema, listener);
}

function encodeChains(frame: Frame, peer: PeerIR): Uint8Array {
  const filterChains = [httpChain(frame, peer), tcpChain(frame, peer)];
  return toBinary(ListenerSchema, create(ListenerSchema, { filterChains }));
}

/** Names point to chains by name only, so they depend on the caller's grants and not on its certificates. */
function encodeNames(frame: Frame, peer: PeerIR, ingress: IngressIR): Uint8Array {
  const pair = httpSni(peer.cluster, frame.cluster, frame.clustersetDomain);
  const map: Record<string, Matcher_OnMatch> = { [pair]: toChain(httpChainName(peer)) };
  const tcp = toChain(tcpChainName(peer));
  for (const key of tcpKeys(ingress.tcp)) map[`${key}.${pair}`] = tcp;
  const listener = create(ListenerSchema, {
    filterChainMatcher: {
      matcherType: { case: 'matcherTree', value: { treeType: { case: 'exactMatchMap', value: { map } } } },
    },
  });
  return toBinary(ListenerSchema, listener);
}

function toChain(name: string): Matcher_OnMatch {
  return create(Matcher_OnMatchSchema, {
    onMatch: { case: 'action', value: extension(name, StringValueSchema, { value: name }) },
  });
}

/** Callers with the same grants share the list, and so its hashes. */
function tcpKeys(services: readonly ServicePortKey[]): readonly string[] {
  const keys = keysOf.get(services) ?? services.map(tcpKey);
  keysOf.set(services, keys);
  return keys;
}

const keysOf = new WeakMap<readonly ServicePortKey[], readonly string[]>();

/** Accepted connections inherit them (Linux). */
function socketOptions(): MessageInitShape<typeof SocketOptionSchema>[] {
  return [
    socketOption(SOL_SOCKET, SO_KEEPALIVE, 1),
    socketOption(IPPROTO_TCP, TCP_KEEPIDLE, settings.KEEPALIVE_IDLE_S),
    socketOption(IPPROTO_TCP, TCP_KEEPINTVL, settings.KEEPALIVE_PROBE_INTERVAL_S),
    socketOption(IPPROTO_TCP, TCP_KEEPCNT, settings.KEEPALIVE_PROBES),
    socketOption(SOL_SOCKET, SO_SNDBUF, settings.SEND_BUFFER_BYTES),
  ];
}

function socketOption(level: bigint, name: bigint, value: number): MessageInitShape<typeof SocketOptionSchema> {
  return {
    level,
    name,
    value: { case: 'intValue', value: BigInt(value) },
    state: SocketState.STATE_PREBIND,
  };
}
