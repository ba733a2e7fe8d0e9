import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster } from './cluster.ts';
import { installedPrograms } from './programs.ts';
import { startSentinels } from './sentinels.ts';

for (const program of installedPrograms('Sentinel and Cluster')) {
  test(`sentinels of ${program} promote the replica when the primary is killed, and take the old one back as a replica`, async () => {
    await using all = await startSentinels({ program });
    const [first, second] = all.servers;
    assert.equal(await all.primary(), first);
    await first.kill();
    await all.untilPrimary(second);
    assert.equal(await second.cli('SET', 'key', 'value'), 'OK');
    await first.start();
    assert.equal(await all.primary(), second);
  });

  test(`a cluster of ${program} serves every slot and moves one with its keys`, async () => {
    await using cluster = await startCluster({ program });
    const slot = await cluster.slotOf('{tag}:a');
    const from = await cluster.ownerOf('{tag}:a');
    await from.cli('SET', '{tag}:a', 'value');
    const to = cluster.masters.find((master) => master !== from);
    assert.ok(to);
    await cluster.moveSlot(slot, from, to);
    assert.equal(await cluster.ownerOf('{tag}:a'), to);
    assert.equal(await to.cli('GET', '{tag}:a'), 'value');
    await assert.rejects(from.cli('GET', '{tag}:a'), { code: 'MOVED' });
  });
}
