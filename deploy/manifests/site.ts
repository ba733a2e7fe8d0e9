import { stringify } from 'yaml';
import { PORTS, type Installation } from './common.ts';
import type { InstallValues } from './values.ts';

/** The `Site` that the pods read, from the values. Only what was given: everything else keeps the program's default. */
export function siteYaml(installation: Installation): string {
  return stringify(siteOf(installation), { lineWidth: 0 });
}

function siteOf({ values, release }: Installation) {
  const { storeServer } = values;
  const stores = storeServer.enabled ? ['embedded:store-server/store.db', ...values.store] : values.store;
  return {
    apiVersion: 'isthmus.dev/v1alpha1',
    kind: 'Site',
    metadata: { name: values.cluster },
    spec: {
      clusterset: values.clusterset,
      network: values.network === '' ? values.cluster : values.network,
      ...given('region', values.region),
      ...given('zone', values.zone),
      ...(stores.length === 0 ? {} : { store: stores }),
      ...given('joinStore', values.joinStore),
      ...(values.podRouting === 'direct' ? { podRouting: 'direct' } : {}),
      ...list('podCIDRs', values.podCIDRs),
      ...list('serviceCIDRs', values.serviceCIDRs),
      ...list('imports', values.imports),
      failBackAfter: values.failBackAfter,
      withdrawAfter: values.withdrawAfter,
      logLevel: values.logLevel,
      ...(values.authority ? { authority: true } : {}),
      ...(values.dev ? { dev: true } : {}),
      kubernetes: {
        namespace: release.namespace,
        ...(values.gateway.addresses.length === 0 ? {} : { gatewayAddress: values.gateway.addresses[0] }),
        gatewayPort: gatewayPort(values.gateway.service),
        ...(values.dns.enabled ? {} : { dns: false }),
        ...(storeServer.enabled && storeServer.advertise !== '' ? { storeAddress: storeServer.advertise } : {}),
      },
      listen: {
        health: `0.0.0.0:${PORTS.health}`,
        metrics: `0.0.0.0:${PORTS.metrics}`,
        xds: `0.0.0.0:${PORTS.xds}`,
        ...(storeServer.enabled ? { store: `0.0.0.0:${PORTS.store}` } : {}),
      },
    },
  };
}

/** What belongs to a fixed address: that of a node is reached at the node's port. */
function gatewayPort({ type, port, nodePort }: InstallValues['gateway']['service']): number {
  return type === 'NodePort' && nodePort > 0 ? nodePort : port;
}

function given(name: string, text: string): Readonly<Record<string, string>> {
  return text === '' ? {} : { [name]: text };
}

function list(name: string, entries: readonly string[]): Readonly<Record<string, readonly string[]>> {
  return entries.length === 0 ? {} : { [name]: entries };
}
