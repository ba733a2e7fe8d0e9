/** What the zone knows of one imported service. Values: a changed service is a new one, and the same one means no change. */
import type { ServiceKey } from '../../federation/model/ids.ts';

export interface ZoneService {
  readonly key: ServiceKey;
  readonly type: 'ClusterSetIP' | 'Headless';
  /** Clusterset IPs of this cluster. Empty until they are given out, and of a headless service. */
  readonly ips: readonly string[];
  /** Of the merged service. Ports without a name have no SRV record. */
  readonly ports: readonly ZonePort[];
  /** Of a headless service: the ready ones of all clusters. Not looked at otherwise: no name leads to one cluster alone. */
  readonly endpoints: readonly ZoneEndpoint[];
}

export interface ZonePort {
  readonly name?: string | undefined;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

export interface ZoneEndpoint {
  readonly cluster: string;
  /** A DNS label. Absent: named after its first address, as CoreDNS does. */
  readonly hostname?: string | undefined;
  readonly addresses: readonly string[];
  /** Its own, which may have other numbers than the service's. */
  readonly ports: readonly ZonePort[];
}
