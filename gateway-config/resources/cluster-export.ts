import { create } from '@bufbuild/protobuf';
import type { HealthCheck as LocalHealthCheck } from '../../federation/model/local.ts';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { HealthCheck } from '../gen/envoy/config/core/v3/health_check_pb.ts';
import { HealthCheckSchema } from '../gen/envoy/config/core/v3/health_check_pb.ts';
import { CodecClientType } from '../gen/envoy/type/v3/http_pb.ts';
import type { EgressProtocol, ExportIR } from '../ir.ts';
import { exportClusterName, HEADER_PREFIX, tcpKey } from '../naming.ts';
import { parseServicePort } from '../service-port.ts';
import { TYPE_URL } from '../snapshot.ts';
import type { ClusterInit } from './cluster-settings.ts';
import { baseCluster, METADATA, metadataOf } from './cluster-settings.ts';
import type { TypedResource } from './encode.ts';
import { encodeResource } from './encode.ts';
import { httpOptions, podHttp } from './http-options.ts';
import { durationOf, removeHeadersBelow } from './messages.ts';
import * as settings from './settings.ts';

export function exportedClusterName(item: ExportIR): string {
  return item.protocol === 'tcp' ? tcpKey(item.service) : exportClusterName(item.service);
}

/**
 * The pods behind an exported port, without void: its "no healthy host" is what the listener marks as unsent, so that the
 * caller goes elsewhere. A TCP port's cluster is named by its key; the readable name is in `alt_stat_name`.
 */
export function exportCluster(item: ExportIR): TypedResource {
  const name = exportedClusterName(item);
  return encodeResource(TYPE_URL.cluster, name, ClusterSchema, {
    ...baseCluster(name, settings.LOCAL_CONNECT_TIMEOUT_MS, ejectionOf(item.protocol)),
    ...protocolOf(item),
    metadata: metadataOf({ [METADATA]: { service: item.service } }),
    healthChecks: item.healthCheck === undefined ? [] : [healthCheck(item, item.healthCheck)],
  });
}

function ejectionOf(protocol: EgressProtocol): settings.Ejection {
  return protocol === 'tcp' ? settings.TCP_EJECTION : settings.EXPORT_EJECTION;
}

function protocolOf(item: ExportIR): ClusterInit {
  if (item.protocol === 'tcp') return { altStatName: exportClusterName(item.service) };
  return {
    typedExtensionProtocolOptions: httpOptions(podHttp(item.protocol), {
      request: [removeHeadersBelow(HEADER_PREFIX)],
    }),
  };
}

function healthCheck(item: ExportIR, check: LocalHealthCheck): HealthCheck {
  return create(HealthCheckSchema, {
    interval: durationOf(check.intervalMs),
    noTrafficInterval: durationOf(check.intervalMs),
    unhealthyInterval: durationOf(check.intervalMs),
    timeout: durationOf(check.timeoutMs),
    unhealthyThreshold: check.intervalMs <= settings.EXPORT_CHECK_FREQUENT_MS ? 2 : 1,
    healthyThreshold: settings.CHECK_HEALTHY_THRESHOLD,
    healthChecker: checkerOf(item, check),
  });
}

function checkerOf(item: ExportIR, check: LocalHealthCheck): HealthCheck['healthChecker'] {
  const probe = create(HealthCheckSchema, {
    healthChecker:
      check.type === 'tcp'
        ? { case: 'tcpHealthCheck', value: {} }
        : {
            case: 'httpHealthCheck',
            value: { host: hostOf(item), path: check.path ?? '/', codecClientType: codecOf(item.protocol) },
          },
  });
  return probe.healthChecker;
}

function codecOf(protocol: EgressProtocol): CodecClientType {
  return protocol === 'http' || protocol === 'tcp' ? CodecClientType.HTTP1 : CodecClientType.HTTP2;
}

/** `NAME.NS`: by default the cluster's name would be the authority, which is no host name. */
function hostOf(item: ExportIR): string {
  const [namespace = '', name = ''] = parseServicePort(item.service).service.split('/');
  return `${name}.${namespace}`;
}
