import {
  ClustersetFixture,
  DOMAIN,
  makeReader,
  makeWriter,
  type Reader,
  recordsOf,
  rim,
} from '../../../federation/sync/clusterset.fixture.ts';
import { parseClusterId } from '../../../federation/model/ids.ts';
import { openStore } from '../../../federation/store/open.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { startServer, type TestServer } from '../../redis/server.ts';
import { eventually, expect } from '../eventually.ts';
import { type FaultCase, NotRunError, type Stage } from '../suite.ts';

const READERS = 100;
const OWNER = parseClusterId('owner');
const DONE_WITHIN_MS = 30_000;
/** Of one core, over the time that the storm took. */
const CPU_SHARE_MAX = 0.8;
const DOWN_MS = 5_000;

/** Real subscribers with a connection and a subscription each: what a hundred controllers are to a store that comes back. */
export const reconnectStorm: FaultCase = {
  name: 'reconnect-storm',
  row: 'reconnect storm of 100 controllers: all are back within 30 s, the store takes less than 80 % of a core for it',
  layouts: ['alone'],
  run: async (stage) => {
    const clock = new SystemClock();
    const server = stage.owned.use(await startServer({ program: stage.program, config: ['appendonly yes'] }));
    const clusterset = new ClustersetFixture([OWNER, ...names()], clock.epochMs());
    const store = await open(stage, server, clock);
    await clusterset.putRoster(store, clusterset.roster(1));
    const publisher = await makeWriter(clusterset, { ...rim(clock), store }, OWNER);
    stage.owned.defer(() => publisher.close());
    publisher.publish(recordsOf({ shop: 1 }), 'availability');
    const readers = await Promise.all(
      names().map((name, index) => startReader(stage, { server, clock, clusterset, name, index })),
    );
    await untilAllSee(readers, 1, 60_000);
    await server.kill();
    await clock.sleep(DOWN_MS);
    const beganMs = clock.monotonicMs();
    await server.start();
    publisher.publish(recordsOf({ shop: 2 }), 'availability');
    await untilAllSee(readers, 2, DONE_WITHIN_MS);
    const tookS = (clock.monotonicMs() - beganMs) / 1000;
    const share = (await cpuSeconds(server)) / tookS;
    stage.note(`all back after ${tookS.toFixed(1)} s, ${Math.round(share * 100)} % of a core`);
    expect(`the store took ${share} of a core`, share < CPU_SHARE_MAX);
  },
};

function names(): string[] {
  return Array.from({ length: READERS }, (_, index) => `reader-${index}`);
}

async function open(stage: Stage, server: TestServer, clock: SystemClock) {
  return stage.owned.use(await openStore(server.url, { ...rim(clock), clusterset: DOMAIN }));
}

interface ReaderInit {
  readonly server: TestServer;
  readonly clock: SystemClock;
  readonly clusterset: ClustersetFixture;
  readonly name: string;
  readonly index: number;
}

async function startReader(stage: Stage, { server, clock, clusterset, name, index }: ReaderInit): Promise<Reader> {
  const store = await open(stage, server, clock);
  const reader = await makeReader(clusterset, { ...rim(clock, index), store }, parseClusterId(name));
  reader.subscriber.start();
  stage.owned.defer(() => reader.subscriber.close());
  return reader;
}

async function untilAllSee(readers: readonly Reader[], ready: number, limitMs: number): Promise<void> {
  await eventually('every reader to see the news', limitMs, () => {
    const behind = readers.filter(({ subscriber }) => readyOf(subscriber) !== ready).length;
    return behind === 0 ? [] : [`${behind} of ${readers.length} do not`];
  });
}

function readyOf(subscriber: Reader['subscriber']): number | undefined {
  const view = subscriber.views.get(OWNER);
  return [...(view?.services.values() ?? [])][0]?.ready[0]?.ready;
}

/** Of the server's process since its start. */
async function cpuSeconds(server: TestServer): Promise<number> {
  const [system, user] = [await server.info('cpu', 'used_cpu_sys'), await server.info('cpu', 'used_cpu_user')];
  if (system === undefined || user === undefined) throw new NotRunError('the server does not tell its CPU time');
  return Number(system) + Number(user);
}
