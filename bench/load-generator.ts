/**
 * What the demo's load generator can do, and how wrong it is by itself: the rates that it keeps, the CPU that it takes from
 * what it measures, and the latency that it adds. Target and generator share the machine, so figures are lower bounds.
 *
 *     node bench/load-generator.ts [SECONDS_PER_STEP]
 */
import { type LoadEnd, LoadProcess } from '../demo/load/load-process.ts';
import { type Summary, summarise } from '../demo/load/summary.ts';
import type { StreamInput } from '../demo/load/target.ts';
import type { Lab } from '../demo/lab/lab.ts';
import { openLab } from '../demo/lab/open.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { loadNamedTopology } from '../topologies/load.ts';

type Load = Omit<StreamInput, 'host' | 'port'>;

const SECONDS = Number(process.argv[2] ?? '3');
const HTTP_PORT = 18_080;
const TCP_PORT = 18_081;
/** A service that waits this long by its own timer: what is measured beyond it is error of both. */
const KNOWN_MS = 20;
const DEMO_LOAD: readonly Load[] = [
  { name: 'http', kind: 'http', ratePerSecond: 300 },
  { name: 'tcp', kind: 'tcp', ratePerSecond: 50 },
];
const steps: readonly { what: string; loads: readonly Load[] }[] = [
  { what: "the demo's load: 300 GET/s pooled, 50 TCP/s", loads: DEMO_LOAD },
  {
    what: '300 GET/s, a connection each',
    loads: [{ name: 'http', kind: 'http', ratePerSecond: 300, connections: 'new' }],
  },
  ...[1000, 2000, 4000, 8000].map((ratePerSecond) => ({
    what: `${ratePerSecond} GET/s pooled`,
    loads: [{ name: 'http', kind: 'http' as const, ratePerSecond }],
  })),
  {
    what: `300 GET/s of ${KNOWN_MS} ms each`,
    loads: [{ name: 'http', kind: 'http', ratePerSecond: 300, path: `/slow/${KNOWN_MS}` }],
  },
];

const clock = new SystemClock();
await using lab = (
  await openLab({ clock, log: silentLogger }, { topology: await loadNamedTopology('no-kube-3'), prefer: 'loopback' })
).lab;
const address = await startService(lab);
console.log(`${'load'.padEnd(46)} req/s   failed  lag p99   p50      p99      CPU`);
for (const { what, loads } of steps) {
  const { summary, end, perSecond } = await run(lab, address, loads);
  console.log(
    [
      what.padEnd(46),
      perSecond.toFixed(0).padEnd(7),
      String(summary.failed).padEnd(7),
      `${summary.lagP99Ms.toFixed(1)} ms`.padEnd(9),
      `${(summary.latency?.p50Ms ?? 0).toFixed(2)} ms`.padEnd(8),
      `${(summary.latency?.p99Ms ?? 0).toFixed(2)} ms`.padEnd(8),
      `${(end.cpuShare * 100).toFixed(0)} %`,
    ].join(' '),
  );
}

async function startService(within: Lab): Promise<string> {
  const [at] = within.site('west').apps;
  const script = `${import.meta.dirname}/../demo/services/service.ts`;
  const args = [script, '--name', 'west-1', '--http', `${at}:${HTTP_PORT}`, '--tcp', `${at}:${TCP_PORT}`];
  await within.spawn('west/app', process.execPath, args, { name: 'west-1' }).untilLogged(/ready/, 10_000);
  return at;
}

async function run(
  within: Lab,
  host: string,
  loads: readonly Load[],
): Promise<{ summary: Summary; end: LoadEnd; perSecond: number }> {
  const load = await LoadProcess.start({ clock, lab: within }, { host: 'east/app' });
  for (const one of loads) load.start({ ...one, host, port: one.kind === 'http' ? HTTP_PORT : TCP_PORT });
  // The first half second compiles code and opens connections.
  await clock.sleep(500);
  const fromMs = await load.mark('from');
  await clock.sleep(SECONDS * 1000);
  const toMs = await load.mark('to');
  const end = await load.stop();
  const samples = load.samples({ fromMs, toMs });
  return { summary: summarise(samples), end, perSecond: (samples.length * 1000) / (toMs - fromMs) };
}
