/**
 * What a reflector costs: EndpointSlices of a real API server, listed and then kept, as CPU time and memory an object, beside
 * the floor (the same pages fetched and parsed, nothing kept).
 *
 *     node bench/kube-list.ts [SLICES]
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { EndpointSliceObject } from '../kubernetes/api/objects.ts';
import { ENDPOINT_SLICES, pathOf } from '../kubernetes/api/resources.ts';
import { openKubeTransport } from '../kubernetes/client.ts';
import { Reflector } from '../kubernetes/list-watch/reflector.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { Metrics } from '../runtime/metrics.ts';
import { SystemRandom } from '../runtime/random.ts';
import { endpointSlice } from '../tests/kube/objects.ts';
import { isKubeInstalled } from '../tests/kube/program.ts';
import { startKubeServer } from '../tests/kube/server.ts';
import { until } from '../tests/redis/until.ts';

const SLICES = Number(process.argv[2] ?? 5_000);
const ENDPOINTS = 20;
const WRITERS = 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void; // V8 gives it once it was asked to

function heapBytes(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** What the product keeps of a slice, about. */
function addressesOf(slice: EndpointSliceObject): readonly string[] {
  return (slice.endpoints ?? []).flatMap(({ addresses }) => addresses);
}

async function measure(): Promise<void> {
  await using server = await startKubeServer({ name: 'bench' });
  const write = async (first: number): Promise<void> => {
    for (let index = first; index < SLICES; index += WRITERS) {
      const endpoints = Array.from({ length: ENDPOINTS }, (_, at) => `10.${index >> 8}.${index & 255}.${at + 1}`);
      const named = { namespace: 'default', name: `slice-${index}` };
      await server.admin.create(ENDPOINT_SLICES, endpointSlice(named, { service: `s${index}`, endpoints }));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, first) => write(first)));

  const clock = new SystemClock();
  const transport = openKubeTransport({ kubeconfig: server.kubeconfig }, { clock });
  const floor = async (): Promise<void> => {
    let next: string | undefined;
    do {
      const query = { limit: '500', ...(next === undefined ? {} : { continue: next }) };
      const answer = await transport.call({ method: 'GET', path: pathOf(ENDPOINT_SLICES), query });
      next = (answer as { metadata: { continue?: string } }).metadata.continue; // a 200 to a list
    } while (next !== undefined && next !== '');
  };
  await floor(); // the first round compiles
  const floorStartMs = cpuMs();
  await floor();
  const floorMs = cpuMs() - floorStartMs;

  const parts = { transport, clock, random: new SystemRandom(), log: silentLogger, metrics: new Metrics() };
  const reflector = new Reflector<readonly string[]>(parts, {
    resource: ENDPOINT_SLICES,
    project: (object) => addressesOf(object as EndpointSliceObject), // the kind that is listed
  });
  const heapBefore = heapBytes();
  const [startCpuMs, startMs] = [cpuMs(), performance.now()];
  reflector.start();
  await until('the list', async () => reflector.synced);
  const [listCpuMs, listMs] = [cpuMs() - startCpuMs, performance.now() - startMs];
  const keptBytes = heapBytes() - heapBefore;
  const perObject = (value: number): string => (value / reflector.objects.size).toFixed(1);
  console.log(`${reflector.objects.size} slices of ${ENDPOINTS} endpoints`);
  console.log(`  floor: pages fetched and parsed   ${perObject(floorMs * 1_000)} us CPU an object`);
  console.log(
    `  listed and kept                   ${perObject(listCpuMs * 1_000)} us CPU an object, ${listMs.toFixed(0)} ms`,
  );
  console.log(`  ratio to the floor                ${(listCpuMs / floorMs).toFixed(2)}`);
  console.log(`  heap kept                         ${perObject(keptBytes)} bytes an object`);
  await reflector.close();
  transport.close();
}

if (isKubeInstalled()) await measure();
else console.log('skipped: no API server here, run make kube-server');
