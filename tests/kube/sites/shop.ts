/** A service `shop/web` in clusters, and what its importers have of it. */
import { request } from 'node:http';
import type {
  EndpointSliceObject,
  ServiceExportObject,
  ServiceImportObject,
  ServiceObject,
} from '../../../kubernetes/api/objects.ts';
import { ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES } from '../../../kubernetes/api/resources.ts';
import { IMPORT_NAME_LABEL, SERVICE_NAME_LABEL } from '../../../kubernetes/names.ts';
import { until } from '../../redis/until.ts';
import { endpointSlice, service, serviceExport } from '../objects.ts';
import { APP_PORT, App } from './pods.ts';
import type { Site } from './site.ts';
import type { Place } from './traffic.ts';

export const WEB = { namespace: 'shop', name: 'web' } as const;
export const WEB_NAME = 'web.shop.svc.clusterset.local';
const APP_PROTOCOL = 'http';

/** Namespace, Service, export, and a pod that answers with the cluster's name. */
export async function exportWeb(site: Site): Promise<App> {
  const app = await App.start(site.name, site.ip('app', 1));
  await site.ensureNamespace(WEB.namespace);
  await site.admin.apply(SERVICES, webService());
  await setReady(site, [app.ip]);
  await site.admin.apply(SERVICE_EXPORTS, serviceExport(WEB));
  return app;
}

export function webService(port = 80): ServiceObject {
  return service(WEB, { ports: [{ name: 'http', protocol: 'TCP', port, appProtocol: APP_PROTOCOL }] });
}

/** The endpoints of the service in this cluster. */
export async function setReady(site: Site, addresses: readonly string[]): Promise<void> {
  const ports = [{ name: 'http', protocol: 'TCP', port: APP_PORT }] as const;
  await site.admin.apply(
    ENDPOINT_SLICES,
    endpointSlice({ ...WEB, name: 'web-1' }, { service: WEB.name, endpoints: addresses, ports }),
  );
}

export interface Imported {
  readonly serviceImport: ServiceImportObject | undefined;
  readonly service: ServiceObject | undefined;
  /** Of the derived Service: what kube-proxy follows. */
  readonly slices: readonly EndpointSliceObject[];
}

export async function imported(site: Site): Promise<Imported> {
  const labels = `${IMPORT_NAME_LABEL}=${WEB.name}`;
  const { namespace } = WEB;
  const [serviceImport, services] = await Promise.all([
    site.admin.get<ServiceImportObject>(SERVICE_IMPORTS, WEB),
    site.admin.list<ServiceObject>(SERVICES, { namespace, labels }),
  ]);
  const [derived] = services.items;
  if (derived === undefined) return { serviceImport, service: undefined, slices: [] };
  const of = `${SERVICE_NAME_LABEL}=${derived.metadata.name}`;
  const { items } = await site.admin.list<EndpointSliceObject>(ENDPOINT_SLICES, { namespace, labels: of });
  return { serviceImport, service: derived, slices: items };
}

/** Where kube-proxy would send a connection to the clusterset IP. */
export async function placeOf(site: Site): Promise<Place> {
  let place: Place | undefined;
  await until(`${site.name} to have a slice of the import`, async () => {
    const { slices } = await imported(site);
    const ready = slices.flatMap(({ endpoints, ports }) =>
      (endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready !== false)
        .map(({ addresses: [host = ''] }): Place => ({ host, port: ports?.[0]?.port ?? 0 })),
    );
    [place] = ready;
    return place !== undefined && place.port !== 0;
  });
  return place ?? { host: '', port: 0 };
}

interface ConditionObject {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message?: string;
}

/** `TYPE=STATUS/REASON`, sorted. */
export async function exportConditions(site: Site): Promise<readonly string[]> {
  const object = await site.admin.get<ServiceExportObject & { status?: { conditions?: readonly ConditionObject[] } }>(
    SERVICE_EXPORTS,
    WEB,
  );
  return (object?.status?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status}/${reason}`).toSorted();
}

/** The value of a metric at a gateway, summed over its labels. */
export async function gatewayMetric(site: Site, name: string): Promise<number> {
  const text = await new Promise<string>((resolve, reject) => {
    const asked = request({ host: site.ip('gateway', 1), port: 15_014, path: '/metrics' }, (response) => {
      response.toArray().then((chunks) => resolve(Buffer.concat(chunks as Buffer[]).toString()), reject); // no encoding is set
    });
    asked.once('error', reject);
    asked.end();
  });
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
