/**
 * A service of `west` loses its only endpoint, or gets it back: how long until the Envoy of `east` acknowledged what
 * changed. Everything is real: a store server, two controllers, two agents and two Envoys, each a process; the change is
 * a services file that is renamed over the old one. Beside it, in the same run, the same change of a service of `east`
 * itself, and the floor that no design with files and processes can beat.
 *
 *     node bench/propagation.ts [CHANGES]
 */
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { openLab } from '../demo/lab/open.ts';
import { serviceKey, servicePortKey } from '../federation/model/ids.ts';
import { egressName, localClusterName, tcpClusterName } from '../gateway-config/naming.ts';
import { SystemClock } from '../runtime/clock.ts';
import { silentLogger } from '../runtime/log.ts';
import { SystemRandom } from '../runtime/random.ts';
import { loadNamedTopology } from '../topologies/load.ts';
import { type ChangeInit, type Followed, followChange } from './propagation/change.ts';
import { measureFloor } from './propagation/floor.ts';
import { report, type Series } from './propagation/report.ts';
import { BACKGROUND_SERVICES, type BenchService, HTTP_PORT, TCP_PORT } from './propagation/services.ts';
import { startTwoSites } from './propagation/two-sites.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const CHANGES = Number(positionals[0] ?? '200');
/** Thrown away: V8 compiles the path only after some dozens of changes, and the first ones open connections. */
const WARM_UP = 60;
/** Between two changes: at random, so that they do not keep step with any timer. */
const GAP_MS = { min: 30, max: 90 };

const clock = new SystemClock();
const random = new SystemRandom();

const serviceOf = (name: string, kind: BenchService['kind']): BenchService => ({ name, kind, ready: true });
const portOf = (name: string, port: number): ReturnType<typeof servicePortKey> => {
  return servicePortKey(serviceKey('default', name), port);
};

async function series(name: string, init: Omit<ChangeInit, 'ready'>): Promise<Series> {
  const lost: Followed[] = [];
  const gained: Followed[] = [];
  for (let index = 0; index < CHANGES + WARM_UP; index += 1) {
    const ready = index % 2 === 1;
    const followed = await followChange({ ...init, ready });
    if (index >= WARM_UP) (ready ? gained : lost).push(followed);
    await clock.sleep(GAP_MS.min + random.fraction() * (GAP_MS.max - GAP_MS.min));
  }
  return { name, lost, gained };
}

await using lab = (
  await openLab({ clock, log: silentLogger }, { topology: await loadNamedTopology('no-kube-3'), prefer: 'loopback' })
).lab;
const floor = await measureFloor(lab, CHANGES);
const { east, west } = await startTwoSites(lab, {
  east: [serviceOf('own', 'http')],
  west: [serviceOf('remote-http', 'http'), serviceOf('remote-tcp', 'tcp')],
});
console.log(
  `${CHANGES} changes each, ${BACKGROUND_SERVICES} other services a site; load ${loadavg()[0]?.toFixed(1)} on ${cpus().length} cores`,
);
await clock.sleep(2_000);
const remote = { from: west, to: east };
const all = [
  await series('HTTP service of west -> RDS in east', {
    ...remote,
    service: 'remote-http',
    resource: egressName(portOf('remote-http', HTTP_PORT)),
  }),
  await series('TCP service of west -> EDS in east', {
    ...remote,
    service: 'remote-tcp',
    resource: tcpClusterName(portOf('remote-tcp', TCP_PORT)),
  }),
  await series('HTTP service of east itself -> EDS', {
    from: east,
    to: east,
    service: 'own',
    resource: localClusterName(portOf('own', HTTP_PORT)),
  }),
];
report(all, floor);
