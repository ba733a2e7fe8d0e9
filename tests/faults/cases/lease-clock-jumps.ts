import { openStore } from '../../../federation/store/open.ts';
import type { Store } from '../../../federation/store/contract.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Metrics } from '../../../runtime/metrics.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import { DOMAIN, EAST } from '../clusterset.ts';
import { Deployment } from '../deployment.ts';
import { eventually, expect } from '../eventually.ts';
import type { FaultCase, Stage } from '../suite.ts';

const TTL_MS = 2_000;
const HOUR_MS = 60 * 60 * 1000;
const LEASE = `${EAST}/fault`;
const KEY = `isthmus:{${DOMAIN}/${EAST}}:lease:${LEASE}`;

/** No server lets its clock be set; a lease that ends an hour sooner or later is what a clock that jumps makes of it. */
export const leaseClockJumps: FaultCase = {
  name: 'lease-clock-jumps',
  row: "the server's clock jumps an hour: one holder at a time, each change of holder is counted for the fence",
  layouts: ['alone', 'cluster'],
  run: async (stage) => {
    const servers = await Deployment.start(stage);
    const [first, second] = [await open(stage, servers), await open(stage, servers)];
    const own = await first.lease.acquire(LEASE, 'first', TTL_MS);
    expect('the first did not get the lease', own.holder === 'first');
    expect('two holders', (await second.lease.acquire(LEASE, 'second', TTL_MS)).holder === 'first');
    await shift(servers, -HOUR_MS);
    const taken = await second.lease.acquire(LEASE, 'second', TTL_MS);
    expect('a lease that is over by the clock was not given on', taken.holder === 'second');
    expect('the change of holder was not counted', taken.transitions > own.transitions);
    expect('two holders', (await first.lease.acquire(LEASE, 'first', TTL_MS)).holder === 'second');
    await shift(servers, HOUR_MS);
    expect('two holders', (await first.lease.acquire(LEASE, 'first', TTL_MS)).holder === 'second');
    const renewed = await second.lease.acquire(LEASE, 'second', TTL_MS);
    expect('its holder could not renew it', renewed.holder === 'second' && renewed.expiresInMs <= TTL_MS);
    await eventually('the lease to pass on when its holder stops', TTL_MS * 5, async () => {
      const { holder } = await first.lease.acquire(LEASE, 'first', TTL_MS);
      return holder === 'first' ? [] : [`${holder} has it`];
    });
  },
};

async function open(stage: Stage, servers: Deployment): Promise<Store> {
  const components = {
    clock: new SystemClock(),
    random: new SystemRandom(),
    log: silentLogger,
    metrics: new Metrics(),
  };
  return stage.owned.use(await openStore(servers.urlOf(EAST), { ...components, clusterset: DOMAIN }));
}

/** As if the server's clock had jumped the other way. */
async function shift(servers: Deployment, byMs: number): Promise<void> {
  const server = await servers.ownerOf(KEY);
  const stored: unknown = JSON.parse(String(await server.cli('GET', KEY)));
  if (typeof stored !== 'object' || stored === null || !('expiresAtMs' in stored))
    throw new Error('no lease is stored');
  await server.cli('SET', KEY, JSON.stringify({ ...stored, expiresAtMs: Number(stored.expiresAtMs) + byMs }));
}
