import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { EgressIR } from '../ir.ts';
import { HEADER, localClusterName } from '../naming.ts';
import { TYPE_URL } from '../snapshot.ts';
import { baseCluster, metadataOf, placeMetadata } from './cluster-settings.ts';
import type { TypedResource } from './encode.ts';
import { encodeResource } from './encode.ts';
import type { Frame } from './frame.ts';
import { httpOptions, podHttp } from './http-options.ts';
import { removeHeader } from './messages.ts';
import * as settings from './settings.ts';
import { rawSocket, socketMatch, voidSocketMatch } from './transport-sockets.ts';

/**
 * `local|NS/NAME:PORT`: own pods of an imported HTTP service, then void. A pod cannot forge our marker (a forged one made
 * 4 POSTs run 8 times). It does see `isthmus-service`: taken off here, the header would be missing when the same request is
 * retried at a peer.
 */
export function localCluster(frame: Frame, egress: EgressIR): TypedResource {
  const name = localClusterName(egress.service);
  return encodeResource(TYPE_URL.cluster, name, ClusterSchema, {
    ...baseCluster(name, settings.LOCAL_CONNECT_TIMEOUT_MS, settings.LOCAL_EJECTION),
    metadata: metadataOf(placeMetadata(frame.cluster, frame.network)),
    transportSocketMatches: [voidSocketMatch(), socketMatch('plain', {}, rawSocket())],
    typedExtensionProtocolOptions: httpOptions(podHttp(egress.protocol), {
      response: [removeHeader(HEADER.reply)],
    }),
  });
}
