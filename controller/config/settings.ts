import type { FieldPath } from '../../sources/documents/parse.ts';

/**
 * Which fields of `Site` can also be given by environment variable and flag. Gateways and other structures are given in
 * the file only. No variable is called ISTHMUS_PORT or ISTHMUS_SERVICE_HOST: Kubernetes sets those for a Service named
 * `isthmus`.
 */
export interface Setting {
  /** As commander hands it over, e.g. `stateDir`. */
  readonly name: string;
  readonly path: FieldPath;
  /** e.g. `ISTHMUS_STATE_DIR` */
  readonly variable: string;
  /** e.g. `--state-dir` */
  readonly flag: string;
  /** `list`: separated by commas; `urls`: too, but a URL may have commas of its own. */
  readonly type: 'text' | 'list' | 'urls' | 'switch';
  /** Placeholder in the help text, e.g. `DIR`. */
  readonly value: string;
  readonly help: string;
}

type Row = readonly [name: string, path: string, type: Setting['type'], value: string, help: string];

const ROWS: readonly Row[] = [
  ['cluster', 'metadata.name', 'text', 'NAME', 'name of this cluster'],
  ['clusterset', 'spec.clusterset', 'text', 'DOMAIN', 'DNS name of the clusterset'],
  ['network', 'spec.network', 'text', 'NAME', 'network of this cluster'],
  ['region', 'spec.region', 'text', 'NAME', 'region of this cluster'],
  ['zone', 'spec.zone', 'text', 'NAME', 'zone of this cluster'],
  ['store', 'spec.store', 'urls', 'URL', 'store of the clusterset; several, while it moves, separated by commas'],
  ['replica', 'spec.replica', 'text', 'NAME', 'name of this replica, where several controllers run for one site'],
  ['stateDir', 'spec.stateDir', 'text', 'DIR', 'folder for keys and last good state'],
  ['services', 'spec.services', 'list', 'PATH', 'files or folders with services; several separated by commas'],
  ['podCidrs', 'spec.podCIDRs', 'list', 'CIDR', 'pod ranges; several separated by commas'],
  ['serviceCidrs', 'spec.serviceCIDRs', 'list', 'CIDR', 'service ranges; several separated by commas'],
  ['failBackAfter', 'spec.failBackAfter', 'text', 'DURATION', 'hold before a returned peer gets traffic'],
  ['withdrawAfter', 'spec.withdrawAfter', 'text', 'DURATION', 'hold before a dead peer is withdrawn'],
  ['leafLifetime', 'spec.leafLifetime', 'text', 'DURATION', 'lifetime of gateway certificates'],
  ['authority', 'spec.authority', 'switch', '', 'hold the root key of the clusterset'],
  ['dev', 'spec.dev', 'switch', '', 'development clusterset: loopback gateway addresses are allowed'],
  ['logLevel', 'spec.logLevel', 'text', 'LEVEL', 'debug, info, warn, error or silent'],
  ['healthListen', 'spec.listen.health', 'text', 'HOST:PORT', 'address of /healthz and /readyz, or off'],
  ['metricsListen', 'spec.listen.metrics', 'text', 'HOST:PORT', 'address of /metrics, or off'],
  ['storeListen', 'spec.listen.store', 'text', 'HOST:PORT', 'address of the store server, or off'],
  ['xdsListen', 'spec.listen.xds', 'text', 'HOST:PORT', 'address for gateways on other hosts, or off'],
];

export const SETTINGS: readonly Setting[] = ROWS.map(([name, path, type, value, help]) => {
  const words = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return {
    name,
    path: path.split('.'),
    variable: `ISTHMUS_${words.replaceAll('-', '_').toUpperCase()}`,
    flag: `--${words}`,
    type,
    value,
    help,
  };
});

/** The variable that names the config file when `--config` is not given. */
export const CONFIG_FILE_VARIABLE = 'ISTHMUS_CONFIG';
