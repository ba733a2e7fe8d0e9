import type { ServiceKey } from './ids.ts';
import type { ServiceRecord } from './records.ts';

/**
 * What this cluster itself has, as its sources (files, Kubernetes) tell it. Never leaves the cluster: pods stay home,
 * only the aggregate (`ServiceRecord.ready`) is published.
 */
export interface LocalEndpoint {
  /** IP address inside the own network. */
  readonly address: string;
  /** Service port number -> port on this endpoint. */
  readonly ports: Readonly<Record<number, number>>;
  readonly ready: boolean;
  /** Name of its own, for headless services. */
  readonly hostname?: string | undefined;
  readonly zone?: string | undefined;
}

/** A check that the exporting Envoy runs because the source knows no readiness of its own. */
export interface HealthCheck {
  readonly type: 'tcp' | 'http';
  /** For `http`. */
  readonly path?: string | undefined;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface LocalService extends Omit<ServiceRecord, 'kind' | 'ready' | 'endpoints' | 'exportedAtMs'> {
  readonly key: ServiceKey;
  readonly exported: boolean;
  /** Creation time of the export where the source knows it, else first seen and remembered. */
  readonly exportedAtMs: number;
  readonly endpoints: readonly LocalEndpoint[];
  readonly healthCheck?: HealthCheck | undefined;
}

export interface LocalView {
  readonly services: ReadonlyMap<ServiceKey, LocalService>;
}

export const EMPTY_LOCAL_VIEW: LocalView = { services: new Map() };
