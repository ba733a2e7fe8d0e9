import { Document, isNode } from 'yaml';
import { formatDurationMs } from '../../sources/documents/fields.ts';
import type { FieldPath } from '../../sources/documents/parse.ts';
import { API_VERSION, type OriginOf } from '../../sources/documents/validate.ts';
import { SETTINGS } from './settings.ts';
import type { ListenAddress, SiteConfig } from './site.ts';

/**
 * The effective configuration as a `Site` document that can be loaded again: `--print-config`. Says beside a field where
 * it came from when not from the file, and never shows a store's secret.
 */
export function printConfig(config: SiteConfig, originOf: OriginOf = () => undefined): string {
  const document = new Document({
    apiVersion: API_VERSION,
    kind: 'Site',
    metadata: { name: config.cluster },
    spec: {
      clusterset: config.clusterset,
      network: config.network,
      region: config.region,
      zone: config.zone,
      store: config.store.length === 0 ? undefined : config.store.map(redactStoreUrl),
      joinStore: config.joinStore === undefined ? undefined : redactStoreUrl(config.joinStore),
      stateDir: config.stateDir,
      services: config.services,
      gateways: config.gateways,
      imports: config.imports,
      podRouting: config.podRouting,
      podCIDRs: config.podCIDRs,
      serviceCIDRs: config.serviceCIDRs,
      failBackAfter: formatDurationMs(config.failBackAfterMs),
      withdrawAfter: formatDurationMs(config.withdrawAfterMs),
      leafLifetime: formatDurationMs(config.leafLifetimeMs),
      authority: config.authority,
      dev: config.dev,
      logLevel: config.logLevel,
      listen: {
        health: formatListenAddress(config.listen.health),
        metrics: formatListenAddress(config.listen.metrics),
        store: formatListenAddress(config.listen.store),
        xds: formatListenAddress(config.listen.xds),
      },
      kubernetes: config.kubernetes && {
        ...config.kubernetes,
        dnsListen: formatListenAddress(config.kubernetes.dnsListen),
      },
    },
  });
  for (const { path } of SETTINGS) comment(document, path, originOf);
  return document.toString({ lineWidth: 0 });
}

function comment(document: Document, path: FieldPath, originOf: OriginOf): void {
  const origin = originOf(path);
  const node = document.getIn(path, true);
  if (origin !== undefined && isNode(node)) node.comment = ` from ${origin.file}: ${origin.field}`;
}

export function formatListenAddress(address: ListenAddress | undefined): string {
  if (address === undefined) return 'off';
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** A store's link may carry a claim secret or a password. Both are replaced; the rest is what an operator looks for. */
export function redactStoreUrl(url: string): string {
  return url
    .replace(/([?&](?:claim|secret|token|password)=)[^&]*/gi, '$1[redacted]')
    .replace(/^([^:]+:\/\/[^:@?#]*:)[^?#]*@/, '$1[redacted]@');
}
