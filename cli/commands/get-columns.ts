import type { ClusterItem } from '../../controller/views/clusters.ts';
import type { EndpointItem } from '../../controller/views/endpoints.ts';
import type { GatewayItem } from '../../controller/views/gateways.ts';
import type { ServiceItem } from '../../controller/views/services.ts';
import type { StoreItem } from '../../controller/views/stores.ts';
import { type Column, formatAge } from '../output/table.ts';

/** What the tables of `isthmus get` show of each object. Types only are imported: the objects come over the socket. */
export interface ListView<Row> {
  readonly namespaced: boolean;
  readonly columns: readonly Column<Row>[];
  readonly nameOf: (row: Row) => string;
}

export const CLUSTER_LIST: ListView<ClusterItem> = {
  namespaced: false,
  nameOf: ({ metadata }) => metadata.name,
  columns: [
    { header: 'NAME', cell: ({ metadata, status }) => `${metadata.name}${status.self ? ' (this)' : ''}` },
    { header: 'NETWORK', cell: ({ spec }) => spec?.network },
    { header: 'STATE', cell: ({ status }) => (status.membership === 'active' ? status.liveness : status.membership) },
    { header: 'FOR', cell: ({ status }) => formatAge(status.forSeconds) },
    { header: 'GATEWAYS', cell: ({ status }) => status.gateways },
    { header: 'SERVICES', cell: ({ status }) => status.services },
    { header: 'REGION', cell: ({ spec }) => spec?.region, wide: true },
    { header: 'ZONE', cell: ({ spec }) => spec?.zone, wide: true },
    { header: 'VERSION', cell: ({ spec }) => spec?.softwareVersion, wide: true },
    { header: 'REASON', cell: ({ status }) => status.rejected ?? status.reason, wide: true },
  ],
};

export const SERVICE_LIST: ListView<ServiceItem> = {
  namespaced: true,
  nameOf: ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
  columns: [
    { header: 'NAMESPACE', cell: ({ metadata }) => metadata.namespace },
    { header: 'NAME', cell: ({ metadata }) => metadata.name },
    {
      header: 'PORTS',
      cell: ({ spec }) => spec.ports.map(({ port, appProtocol }) => `${port}/${appProtocol}`).join(','),
    },
    { header: 'EXPORTED', cell: ({ status }) => (status.exported ? 'yes' : 'no') },
    { header: 'LOCAL', cell: ({ status }) => `${status.localReady}/${status.localEndpoints}` },
    { header: 'CLUSTERS', cell: ({ status }) => status.backends.map(backendText).join(',') },
    { header: 'CALL-AT', cell: ({ spec }) => spec.ports.flatMap(({ callAt }) => callAt ?? []).join(',') },
    { header: 'TYPE', cell: ({ spec }) => spec.type, wide: true },
    { header: 'CONFLICTS', cell: ({ status }) => status.conflicts.map(({ field }) => field).join(','), wide: true },
  ],
};

function backendText(backend: ServiceItem['status']['backends'][number]): string {
  return `${backend.cluster}:${backend.ready}${backend.standby ? '(standby)' : ''}`;
}

export const GATEWAY_LIST: ListView<GatewayItem> = {
  namespaced: false,
  nameOf: ({ spec, metadata }) => `${spec.cluster}/${metadata.name}`,
  columns: [
    { header: 'CLUSTER', cell: ({ spec }) => spec.cluster },
    { header: 'NAME', cell: ({ metadata }) => metadata.name },
    { header: 'ADDRESS', cell: ({ spec }) => spec.addresses.join(',') },
    { header: 'PROBE', cell: ({ status }) => status.probe },
    { header: 'PROGRAMMED', cell: programmedText },
    { header: 'WEIGHT', cell: ({ spec }) => spec.weight, wide: true },
    { header: 'DRAINING', cell: ({ spec }) => (spec.draining ? 'yes' : 'no'), wide: true },
    { header: 'MODES', cell: ({ spec }) => spec.modes.join(','), wide: true },
  ],
};

/** `-` where there is nothing to program: the gateways of others. */
function programmedText({ status: { programmed } }: GatewayItem): string {
  if (programmed === undefined) return '-';
  if (!programmed.connected) return 'disconnected';
  if (programmed.refused.length > 0) return `${programmed.refused.length} refused`;
  return programmed.pending > 0 ? `${programmed.pending} pending` : 'yes';
}

export const STORE_LIST: ListView<StoreItem> = {
  namespaced: false,
  nameOf: ({ metadata }) => metadata.name,
  columns: [
    { header: 'NAME', cell: ({ metadata }) => metadata.name },
    { header: 'LINK', cell: ({ status }) => status.link },
    { header: 'FOR', cell: ({ status }) => formatAge(status.forSeconds) },
    { header: 'BEHIND', cell: ({ status }) => status.behind },
    { header: 'PUBLISHED', cell: ({ status }) => (status.pending === true ? 'pending' : status.published) },
    { header: 'MESSAGE', cell: ({ status }) => status.message },
    { header: 'URL', cell: ({ spec }) => spec.url, wide: true },
  ],
};

export const ENDPOINT_LIST: ListView<EndpointItem> = {
  namespaced: true,
  nameOf: ({ metadata, spec }) => `${metadata.namespace}/${metadata.name}:${spec.port}@${spec.address ?? spec.cluster}`,
  columns: [
    { header: 'NAMESPACE', cell: ({ metadata }) => metadata.namespace },
    { header: 'SERVICE', cell: ({ metadata, spec }) => `${metadata.name}:${spec.port}` },
    { header: 'ORDER', cell: ({ status }) => status.tier },
    { header: 'CLUSTER', cell: ({ spec }) => spec.cluster },
    { header: 'ADDRESS', cell: ({ spec }) => spec.address ?? 'its gateways' },
    { header: 'WEIGHT', cell: ({ status }) => status.weight },
    { header: 'READY', cell: ({ status }) => (status.ready ? 'yes' : (status.reason ?? 'no')) },
    { header: 'ZONE', cell: ({ spec }) => spec.zone, wide: true },
  ],
};
