/**
 * The only endpoint of a service in `west` becomes ready, or stops being so: how long until the Envoy of `east` acknowledged
 * what changed. Everything is real: two API servers, a Valkey, two controllers with the rights of their ServiceAccounts, two
 * agents and two Envoys. The clock starts just before the EndpointSlice is patched.
 *
 *     node bench/kube-endpoint.ts [CHANGES]
 */
import '../tests/kube/sites/own-network.ts';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { serviceKey, servicePortKey } from '../federation/model/ids.ts';
import { egressName } from '../gateway-config/naming.ts';
import { SystemClock } from '../runtime/clock.ts';
import { SystemRandom } from '../runtime/random.ts';
import { isKubeInstalled } from '../tests/kube/program.ts';
import { startTwoClusters, BACKGROUND_SERVICES, NAMESPACE } from './kube-endpoint/sites.ts';
import { type Followed, followChange } from './propagation/change.ts';
import { reportOne } from './propagation/report.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const CHANGES = Number(positionals[0] ?? '100');
const WARM_UP = 60;
const GAP_MS = { min: 30, max: 90 };
const TARGET_P50_MS = 15;
const SERVICE = 'changing';

const clock = new SystemClock();
const random = new SystemRandom();

async function measure(): Promise<void> {
  await using clusters = await startTwoClusters([SERVICE]);
  const { east, west } = clusters;
  console.log(
    `${CHANGES} changes, ${BACKGROUND_SERVICES} other services a cluster; load ${loadavg()[0]?.toFixed(1)} on ${cpus().length} cores`,
  );
  await clock.sleep(3_000);
  const resource = egressName(servicePortKey(serviceKey(NAMESPACE, SERVICE), 80));
  const lost: Followed[] = [];
  const gained: Followed[] = [];
  for (let index = 0; index < CHANGES + WARM_UP; index += 1) {
    const ready = index % 2 === 1;
    const followed = await followChange({ from: west, to: east, service: SERVICE, resource, ready });
    if (index >= WARM_UP) (ready ? gained : lost).push(followed);
    await clock.sleep(GAP_MS.min + random.fraction() * (GAP_MS.max - GAP_MS.min));
  }
  reportOne(
    { name: 'endpoint in the API server of west -> RDS in east', lost, gained },
    {
      bench: 'kube-endpoint',
      targetP50Ms: TARGET_P50_MS,
    },
  );
}

if (isKubeInstalled()) await measure();
else console.log('NOT MEASURED: there is no API server; make kube-server brings it');
