import { basename, dirname } from 'node:path';
import { stringify } from 'yaml';
import type { ClusterId } from '../../federation/model/ids.ts';
import { API_VERSION } from '../../sources/documents/validate.ts';
import { replacePrivateFile } from '../../trust/private-file.ts';

/**
 * The `Site` document that `init` and `join` write into the state folder, for `up`, `controller` and people. Only what
 * was said is in it; everything else keeps its default, so that a later version's better default takes effect.
 */
export interface NewSite {
  readonly cluster: ClusterId;
  readonly clusterset: string;
  readonly network: string;
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  /** At least one. Paths in them are absolute. */
  readonly store: readonly string[];
  readonly joinStore?: string | undefined;
  readonly stateDir: string;
  readonly services: readonly string[];
  readonly gatewayAddress?: string | undefined;
  readonly gatewayPort?: number | undefined;
  readonly listenAddress?: string | undefined;
  readonly egressAddress?: string | undefined;
  readonly podCIDRs: readonly string[];
  readonly failBackAfter?: string | undefined;
  readonly withdrawAfter?: string | undefined;
  readonly leafLifetime?: string | undefined;
  readonly authority: boolean;
  readonly dev: boolean;
  readonly storeListen?: string | undefined;
  readonly healthListen?: string | undefined;
  readonly metricsListen?: string | undefined;
}

export const GATEWAY_NAME = 'gateway';

export function siteDocument(site: NewSite): string {
  const { gatewayAddress, gatewayPort, listenAddress, egressAddress } = site;
  const gateway = { name: GATEWAY_NAME, address: gatewayAddress, port: gatewayPort, listenAddress, egressAddress };
  const spec = {
    clusterset: site.clusterset,
    network: site.network,
    region: site.region,
    zone: site.zone,
    store: site.store,
    joinStore: site.joinStore,
    stateDir: site.stateDir,
    services: site.services,
    gateways: gatewayAddress === undefined ? [] : [gateway],
    podCIDRs: site.podCIDRs,
    failBackAfter: site.failBackAfter,
    withdrawAfter: site.withdrawAfter,
    leafLifetime: site.leafLifetime,
    authority: site.authority,
    dev: site.dev ? true : undefined,
    listen: listenOf(site),
  };
  return stringify({ apiVersion: API_VERSION, kind: 'Site', metadata: { name: site.cluster }, spec }, { lineWidth: 0 });
}

/** In one step: half a document would look enrolled and be useless. */
export async function writeSite(path: string, site: NewSite): Promise<void> {
  await replacePrivateFile(dirname(path), basename(path), siteDocument(site));
}

function listenOf({ storeListen, healthListen, metricsListen }: NewSite): Record<string, string> | undefined {
  const given = Object.entries({ store: storeListen, health: healthListen, metrics: metricsListen });
  const listen = given.flatMap(([name, address]) => (address === undefined ? [] : [[name, address] as const]));
  return listen.length === 0 ? undefined : Object.fromEntries(listen);
}
