import { type ClusterId, type NetworkId, parseClusterId, parseNetworkId } from '../../federation/model/ids.ts';
import { DNS_PORT } from '../../kubernetes/names.ts';
import type { LogLevel } from '../../runtime/log.ts';
import type { SiteDocument } from './site-schema.ts';
import { parseListenAddress } from './site-fields.ts';
import { resolveStorePaths } from './store-paths.ts';

/** The effective configuration of one controller: file, environment and flags merged, checked, with units in the names. */
export interface SiteConfig {
  readonly cluster: ClusterId;
  /** DNS name, e.g. `prod.example.org`. */
  readonly clusterset: string;
  readonly network: NetworkId;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  /** URLs as `openStore` takes them; paths in them are absolute. At least one, but for Kubernetes before the cluster joined. */
  readonly store: readonly string[];
  /** What goes into join tokens where the own store's login must not. Its password may be in a file. */
  readonly joinStore?: string | undefined;
  /** Absent for a controller that is the only one of its site. */
  readonly replica?: string | undefined;
  /** Absolute. */
  readonly stateDir: string;
  /** Absolute files, folders or patterns. */
  readonly services: readonly string[];
  readonly gateways: readonly GatewayConfig[];
  /** `NAMESPACE` or `NAMESPACE/NAME`. Absent: every service of every cluster. */
  readonly imports?: readonly string[] | undefined;
  readonly podRouting: 'gateway' | 'direct';
  readonly podCIDRs: readonly string[];
  readonly serviceCIDRs: readonly string[];
  readonly failBackAfterMs: number;
  readonly withdrawAfterMs: number;
  readonly leafLifetimeMs: number;
  readonly authority: boolean;
  readonly dev: boolean;
  readonly logLevel: LogLevel;
  readonly listen: ListenConfig;
  /** Present when the site is a Kubernetes cluster. */
  readonly kubernetes?: KubernetesConfig | undefined;
}

export interface KubernetesConfig {
  /** Absolute; absent: the pod's own credentials. */
  readonly kubeconfig?: string | undefined;
  readonly namespace: string;
  readonly gatewayAddress?: string | undefined;
  readonly gatewayPort: number;
  readonly gatewayListenAddress: string;
  readonly dns: boolean;
  readonly dnsListen: ListenAddress;
  /** `HOST:PORT` */
  readonly storeAddress?: string | undefined;
}

export interface GatewayConfig {
  readonly name: string;
  /** Where other clusters reach it: IP address or DNS name. */
  readonly address: string;
  readonly port: number;
  readonly listenAddress: string;
  readonly egressAddress: string;
  readonly weight: number;
}

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Absent: switched off. */
export interface ListenConfig {
  readonly health?: ListenAddress | undefined;
  readonly metrics?: ListenAddress | undefined;
  readonly store?: ListenAddress | undefined;
  readonly xds?: ListenAddress | undefined;
}

/** Turns a relative path of the field into an absolute one: from a file's own folder, else from the working directory. */
export type ResolvePath = (field: 'stateDir' | 'services' | 'store' | 'kubernetes', path: string) => string;

export function toSiteConfig(document: SiteDocument, resolvePath: ResolvePath): SiteConfig {
  const { spec } = document;
  const { failBackAfter, withdrawAfter, leafLifetime, listen, kubernetes, ...same } = spec;
  const resolveStore = (url: string): string => resolveStorePaths(url, (path) => resolvePath('store', path));
  return {
    ...same,
    cluster: parseClusterId(document.metadata.name),
    network: parseNetworkId(spec.network),
    store: (spec.store ?? []).map(resolveStore),
    ...(spec.joinStore === undefined ? {} : { joinStore: resolveStore(spec.joinStore) }),
    stateDir: resolvePath('stateDir', spec.stateDir),
    services: spec.services.map((path) => resolvePath('services', path)),
    ...(kubernetes === undefined ? {} : { kubernetes: toKubernetes(kubernetes, resolvePath) }),
    failBackAfterMs: failBackAfter,
    withdrawAfterMs: withdrawAfter,
    leafLifetimeMs: leafLifetime,
    listen: {
      health: parseListenAddress(listen.health),
      metrics: parseListenAddress(listen.metrics),
      store: parseListenAddress(listen.store),
      xds: parseListenAddress(listen.xds),
    },
  };
}

function toKubernetes(
  { kubeconfig, dnsListen, ...rest }: NonNullable<SiteDocument['spec']['kubernetes']>,
  resolvePath: ResolvePath,
): KubernetesConfig {
  return {
    ...rest,
    // The schema has taken it.
    dnsListen: parseListenAddress(dnsListen) ?? { host: '::', port: DNS_PORT },
    ...(kubeconfig === undefined ? {} : { kubeconfig: resolvePath('kubernetes', kubeconfig) }),
  };
}
