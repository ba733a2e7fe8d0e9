/** How bytes leave and enter: plain to pods, mutual TLS 1.3 between gateways, in memory to the void listener. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { Cluster_TransportSocketMatch } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { Cluster_TransportSocketMatchSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { TransportSocket } from '../gen/envoy/config/core/v3/base_pb.ts';
import { TransportSocketSchema } from '../gen/envoy/config/core/v3/base_pb.ts';
import { InternalUpstreamTransportSchema } from '../gen/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream_pb.ts';
import { RawBufferSchema } from '../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import {
  SubjectAltNameMatcher_SanType as SanType,
  TlsParameters_TlsProtocol as TlsProtocol,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { CommonTlsContext } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import {
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { PeerIR } from '../ir.ts';
import { anchorSecretName, OWN_SECRET } from '../naming.ts';
import { concatenate } from './frame.ts';
import { extensionChoice, fromAds, fromAgent } from './messages.ts';

/** Metadata by which an endpoint names its transport socket (Envoy, `transport_socket_matches`). */
export const SOCKET_MATCH = 'envoy.transport_socket_match';
export const VOID_MATCH = { void: '1' } as const;

export function peerMatch(peer: ClusterId): { peer: string } {
  return { peer };
}

export function rawSocket(): TransportSocket {
  return create(TransportSocketSchema, extensionChoice('raw', RawBufferSchema, {}));
}

export function upstreamTls(peer: PeerIR, sni: string, alpn: string): TransportSocket {
  const named = toBinary(UpstreamTlsContextSchema, create(UpstreamTlsContextSchema, { sni }));
  return create(TransportSocketSchema, {
    name: 'tls',
    configType: {
      case: 'typedConfig',
      value: {
        typeUrl: `type.googleapis.com/${UpstreamTlsContextSchema.typeName}`,
        value: concatenate([unnamedUpstreamTls(peer, alpn), named]),
      },
    },
  });
}

/** Everything but the name: the same for all TCP services of a peer, of which there may be thousands. */
function unnamedUpstreamTls(peer: PeerIR, alpn: string): Uint8Array {
  const known = upstreamTlsOf.get(peer) ?? new Map<string, Uint8Array>();
  upstreamTlsOf.set(peer, known);
  const context = (): Uint8Array =>
    toBinary(UpstreamTlsContextSchema, create(UpstreamTlsContextSchema, { commonTlsContext: mutualTls(peer, alpn) }));
  const bytes = known.get(alpn) ?? context();
  known.set(alpn, bytes);
  return bytes;
}

const upstreamTlsOf = new WeakMap<PeerIR, Map<string, Uint8Array>>();

export function downstreamTls(peer: PeerIR, alpn: string): TransportSocket {
  return create(
    TransportSocketSchema,
    extensionChoice('tls', DownstreamTlsContextSchema, {
      requireClientCertificate: true,
      commonTlsContext: mutualTls(peer, alpn),
    }),
  );
}

/**
 * One peer, one anchor, one name. The anchor is that peer's own cluster CA, so a CA vouches for its own cluster only,
 * whatever names it writes into certificates.
 */
function mutualTls(peer: PeerIR, alpn: string): CommonTlsContext {
  return create(CommonTlsContextSchema, {
    alpnProtocols: [alpn],
    tlsParams: { tlsMinimumProtocolVersion: TlsProtocol.TLSv1_3, tlsMaximumProtocolVersion: TlsProtocol.TLSv1_3 },
    tlsCertificateSdsSecretConfigs: [{ name: OWN_SECRET, sdsConfig: fromAgent() }],
    validationContextType: {
      case: 'combinedValidationContext',
      value: {
        defaultValidationContext: {
          matchTypedSubjectAltNames: [
            { sanType: SanType.URI, matcher: { matchPattern: { case: 'exact', value: peer.identity } } },
          ],
        },
        validationContextSdsSecretConfig: { name: anchorSecretName(peer.cluster), sdsConfig: fromAds() },
      },
    },
  });
}

export function voidSocketMatch(): Cluster_TransportSocketMatch {
  return socketMatch(
    'void',
    VOID_MATCH,
    create(
      TransportSocketSchema,
      extensionChoice('internal', InternalUpstreamTransportSchema, { transportSocket: rawSocket() }),
    ),
  );
}

/** The first match wins; an empty one matches every endpoint. */
export function socketMatch(
  name: string,
  match: Readonly<Record<string, string>>,
  transportSocket: TransportSocket,
): Cluster_TransportSocketMatch {
  return create(Cluster_TransportSocketMatchSchema, { name, match: { ...match }, transportSocket });
}
