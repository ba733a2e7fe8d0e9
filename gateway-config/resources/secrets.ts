import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { PeerIR } from '../ir.ts';
import { anchorSecretName } from '../naming.ts';
import { TYPE_URL } from '../snapshot.ts';
import type { TypedResource } from './encode.ts';
import { encodeResource } from './encode.ts';

/** `anchor|CLUSTER`: a peer's cluster CA certificates. Public; the gateway's own key comes from the agent alone. */
export function anchorSecret(peer: PeerIR): TypedResource {
  const name = anchorSecretName(peer.cluster);
  return encodeResource(TYPE_URL.secret, name, SecretSchema, {
    name,
    type: {
      case: 'validationContext',
      value: { trustedCa: { specifier: { case: 'inlineString', value: peer.anchorsPem } } },
    },
  });
}
