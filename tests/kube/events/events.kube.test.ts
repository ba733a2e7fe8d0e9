import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import { CONFIG_MAPS, EVENTS, NODES } from '../../../kubernetes/api/resources.ts';
import { type OpenKubeTransport, openKubeTransport } from '../../../kubernetes/client.ts';
import { type Occurrence, SERIES_UPDATE_MS } from '../../../kubernetes/events/event-book.ts';
import { EventRecorder } from '../../../kubernetes/events/event-recorder.ts';
import { ManualClock, SystemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Metrics } from '../../../runtime/metrics.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import { until } from '../../redis/until.ts';
import { SERVICE_ACCOUNTS, serviceAccount } from '../objects.ts';
import { type KubeServer, startKubeServer } from '../server.ts';

interface EventObject extends KubeObject {
  readonly note?: string;
  readonly reason?: string;
  readonly series?: { readonly count: number };
}

describe('events of a real API server', () => {
  let server: KubeServer;
  let transport: OpenKubeTransport;
  before(async () => {
    server = await startKubeServer({ name: 'events' });
    transport = openKubeTransport({ kubeconfig: server.kubeconfig }, { clock: new SystemClock() });
  });
  after(async () => {
    transport.close();
    await server[Symbol.asyncDispose]();
  });

  function recorder(over: OpenKubeTransport, clock: ManualClock, metrics = new Metrics()): EventRecorder {
    return new EventRecorder(
      { transport: over, clock, random: new SystemRandom(), log: silentLogger, metrics },
      { reporter: { controller: 'isthmus.dev/controller', instance: 'isthmus-controller-0' } },
    );
  }

  function about(name: string, init: Partial<Occurrence> = {}): Occurrence {
    const regarding = { apiVersion: 'v1', kind: CONFIG_MAPS.kind, namespace: 'default', name };
    return { regarding, type: 'Warning', reason: 'Conflict', action: 'Merge', note: 'ports differed', ...init };
  }

  async function eventsOf(name: string): Promise<readonly EventObject[]> {
    const { items } = await server.admin.list<EventObject>(EVENTS, { namespace: 'default' });
    return items.filter(({ metadata }) => metadata.name.startsWith(`${name}.`));
  }

  it('are made once of the same thing, and counted', async () => {
    const clock = new ManualClock(Date.now());
    const events = recorder(transport, clock);
    events.record(about('web'));
    await until('the event', async () => (await eventsOf('web')).length === 1);
    for (let count = 2; count <= 40; count += 1) events.record(about('web'));
    await clock.advance(SERIES_UPDATE_MS);
    await until('its count', async () => (await eventsOf('web'))[0]?.series?.count === 40);
    const [event] = await eventsOf('web');
    assert.deepEqual([event?.reason, event?.note, (await eventsOf('web')).length], ['Conflict', 'ports differed', 1]);
    await events.close();
  });

  it('are taken about objects without a namespace too', async () => {
    const events = recorder(transport, new ManualClock(Date.now()));
    events.record(about('n1', { regarding: { apiVersion: 'v1', kind: NODES.kind, name: 'n1' } }));
    await until('the event', async () => (await eventsOf('n1')).length === 1);
    await events.close();
  });

  it('fail nobody when they are not allowed', async () => {
    await server.admin.create(SERVICE_ACCOUNTS, serviceAccount({ namespace: 'default', name: 'mute' }));
    const token = await server.token({ namespace: 'default', serviceAccount: 'mute' });
    const mute = openKubeTransport(
      { kubeconfig: await server.kubeconfigFor(token, 'mute') },
      { clock: new SystemClock() },
    );
    const metrics = new Metrics();
    const events = recorder(mute, new ManualClock(Date.now()), metrics);
    events.record(about('quiet'));
    await until('the refusal', async () => (await metrics.text()).includes('outcome="forbidden"} 1'));
    assert.deepEqual(await eventsOf('quiet'), []);
    await events.close();
    mute.close();
  });
});
