import { createHash } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { PrivateKey } from '../../trust/private-key.ts';
import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { ResourceSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import { OWN_SECRET } from '../naming.ts';
import { type Snapshot, TYPE_URL } from '../snapshot.ts';

/**
 * The gateway's own certificate and key as the one resource of its SDS. It lives in this process and in Envoy, and
 * passes between them through a socket that only their user may open.
 */
export function ownSecretSnapshot(own: { readonly key: PrivateKey; readonly chainPem: string }): Snapshot {
  const utf8 = new TextEncoder();
  const secret = create(SecretSchema, {
    name: OWN_SECRET,
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: { specifier: { case: 'inlineBytes', value: utf8.encode(own.chainPem) } },
        privateKey: { specifier: { case: 'inlineBytes', value: utf8.encode(own.key.revealPem()) } },
      },
    },
  });
  // The chain stands for both: a new key means a new leaf.
  const version = createHash('sha256').update(own.chainPem).digest('hex').slice(0, 16);
  const resource = create(ResourceSchema, { name: OWN_SECRET, version, resource: anyPack(SecretSchema, secret) });
  const encoded = toBinary(ResourceSchema, resource);
  return { resources: new Map([[TYPE_URL.secret, new Map([[OWN_SECRET, { name: OWN_SECRET, version, encoded }]])]]) };
}
