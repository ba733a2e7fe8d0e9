/**
 * Memory of controllers in Kubernetes: `west` exports 1,000 services, one of them with 1,000 endpoints, and `east` imports all
 * of them. Two API servers, a Valkey, two controllers with the rights and the credentials of their pods.
 *
 *     node bench/kube-memory.ts [SERVICES]
 */
import '../tests/kube/sites/own-network.ts';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { formatTable } from '../cli/output/table.ts';
import { ENDPOINT_SLICES, SERVICE_EXPORTS, SERVICE_IMPORTS, SERVICES } from '../kubernetes/api/resources.ts';
import { SystemClock } from '../runtime/clock.ts';
import { endpointSlice, service, serviceExport } from '../tests/kube/objects.ts';
import { isKubeInstalled } from '../tests/kube/program.ts';
import { Clusterset } from '../tests/kube/sites/clusterset.ts';
import type { Pod } from '../tests/kube/sites/pods.ts';
import type { Site } from '../tests/kube/sites/site.ts';
import { until } from '../tests/redis/until.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const COUNT = Number(positionals[0] ?? '1000');
const ENDPOINTS = 1_000;
/** The slice controller's own limit. */
const ENDPOINTS_OF_A_SLICE = 100;
const NAMESPACE = 'bench';
/** Requests on their way at once. */
const LANES = 32;
const TARGET_RSS_MB = 250;
const SETTLE_MS = 20_000;
const IMPORT_LIMIT_MS = 300_000;

const clock = new SystemClock();
const names = Array.from({ length: COUNT }, (_, index) => `service-${index}`);

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const lane = async (): Promise<void> => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function fill(site: Site): Promise<void> {
  const { admin } = site;
  const ports = [{ name: 'http', protocol: 'TCP' as const, port: 80, appProtocol: 'http' }];
  await inLanes(names, async (name) => {
    const place = { namespace: NAMESPACE, name };
    await admin.create(SERVICES, service(place, { ports }));
    const slice = { service: name, endpoints: [site.ip('app', 1)] };
    await admin.create(ENDPOINT_SLICES, endpointSlice({ ...place, name: `${name}-1` }, slice));
    await admin.create(SERVICE_EXPORTS, serviceExport(place));
  });
  const addresses = Array.from(
    { length: ENDPOINTS },
    (_, index) => `10.200.${index >> 8}.${(index & 255) + 1 > 255 ? 255 : (index & 255) + 1}`,
  );
  const slices = Array.from({ length: ENDPOINTS / ENDPOINTS_OF_A_SLICE }, (_, at) =>
    addresses.slice(at * ENDPOINTS_OF_A_SLICE, (at + 1) * ENDPOINTS_OF_A_SLICE),
  );
  await inLanes(slices, (endpoints) => {
    const name = `large-${slices.indexOf(endpoints)}`;
    return admin.create(
      ENDPOINT_SLICES,
      endpointSlice({ namespace: NAMESPACE, name }, { service: 'service-0', endpoints }),
    );
  });
}

interface Memory {
  readonly what: string;
  readonly rssMb: number;
  readonly peakMb: number;
}

async function memoryOf(what: string, { pid }: Pod): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mb = (field: string): number => {
    return Math.round(Number(new RegExp(`^${field}:\\s+([0-9]+) kB`, 'm').exec(status)?.[1]) / 1_024);
  };
  return { what, rssMb: mb('VmRSS'), peakMb: mb('VmHWM') };
}

async function measure(): Promise<void> {
  await using clusterset = await Clusterset.start([{ name: 'west' }, { name: 'east' }]);
  const [west, east] = ['west', 'east'].map((name) => clusterset.site(name)) as [Site, Site]; // two names
  const [exporter, importer] = [west, east].map((site) => site.pods.get('a')) as [Pod, Pod]; // each has one
  const empty = [
    await memoryOf('west, nothing exported', exporter),
    await memoryOf('east, nothing imported', importer),
  ];
  await Promise.all([west, east].map((site) => site.ensureNamespace(NAMESPACE)));
  const startMs = clock.monotonicMs();
  await fill(west);
  const filledMs = clock.monotonicMs() - startMs;
  await until(
    'all imports',
    async () => {
      await clock.sleep(500);
      const { items } = await east.admin.list<{ metadata: { name: string }; spec?: { ips?: readonly string[] } }>(
        SERVICE_IMPORTS,
        { namespace: NAMESPACE },
      );
      return items.filter(({ spec }) => (spec?.ips ?? []).length > 0).length === COUNT;
    },
    IMPORT_LIMIT_MS,
  );
  const importedMs = clock.monotonicMs() - startMs;
  await clock.sleep(SETTLE_MS);
  const full = [
    await memoryOf(`west, ${COUNT} services exported`, exporter),
    await memoryOf(`east, ${COUNT} services imported`, importer),
  ];
  for (const pod of [exporter, importer]) await pod.restart('SIGTERM');
  await Promise.all([exporter, importer].map((pod) => pod.untilReady()));
  await clock.sleep(SETTLE_MS);
  const again = [await memoryOf('west, started anew', exporter), await memoryOf('east, started anew', importer)];
  report([...empty, ...full, ...again], { filledMs, importedMs });
}

function report(memory: readonly Memory[], times: { readonly filledMs: number; readonly importedMs: number }): void {
  console.log(
    formatTable<Memory>(
      [
        { header: 'CONTROLLER', cell: ({ what }) => what },
        { header: 'RSS, MB', cell: ({ rssMb }) => rssMb },
        { header: 'PEAK, MB', cell: ({ peakMb }) => peakMb },
      ],
      memory,
    ),
  );
  console.log(`load ${loadavg()[0]?.toFixed(1)} on ${cpus().length} cores`);
  const met = memory.every(({ rssMb }) => rssMb <= TARGET_RSS_MB);
  console.log(JSON.stringify({ bench: 'kube-memory', memory, ...times, targetRssMb: TARGET_RSS_MB, met }));
}

if (isKubeInstalled()) await measure();
else console.log('NOT MEASURED: there is no API server; make kube-server brings it');
