import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deployment } from './deployment.ts';
import { beginScene, Churn, endScene, leaderOf, otherThan, takeover, untilFollows } from './scene.ts';

/** Of the changes that come 20 a second while nobody is stopped. */
const COMMITS_MIN = 5;

test('two replicas over the embedded store', { timeout: 120_000 }, async (t) => {
  const deployment = await Deployment.enrol(t);
  const scene = await beginScene(t, deployment, deployment.store);

  await t.test('the follower says whom it follows and serves no gateway', async () => {
    const leader = await leaderOf(deployment);
    await untilFollows(deployment, otherThan(leader), leader);
    assert.equal(await deployment.served(otherThan(leader)), 0);
  });

  await t.test('kill -9 of the leader: the other one takes over', async (sub) => {
    const leader = await leaderOf(deployment);
    const before = await scene.published();
    await deployment.process(leader).end('SIGKILL');
    await takeover(sub, scene, otherThan(leader));
    // Since when a service is exported decides conflicts: a change of leader must not move it.
    assert.equal(before.size, 2);
    assert.deepEqual(await scene.published(), before);
    deployment.startReplica(leader);
    await untilFollows(deployment, leader, otherThan(leader));
  });

  await t.test('a leader stopped at work for longer than its lease writes nothing when it wakes up', async (sub) => {
    const leader = await leaderOf(deployment);
    const churn = new Churn(deployment);
    await churn.begun;
    const committed = scene.history.stored.length;
    deployment.process(leader).signal('SIGSTOP');
    await takeover(sub, scene, otherThan(leader));
    deployment.process(leader).signal('SIGCONT');
    await untilFollows(deployment, leader, otherThan(leader));
    await churn.stop();
    await deployment.untilServedBy(otherThan(leader));
    assert.ok(scene.history.stored.length - committed > COMMITS_MIN, 'nothing was written meanwhile');
  });

  await endScene(t, scene);
});
