import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import type { Roster } from '../../trust/contract.ts';
import { verifyHead } from '../../trust/head-signature.ts';
import { parseClusterId } from '../model/ids.ts';
import { DEFAULT_RECORD_LIMITS } from '../model/records.ts';
import { MemoryShelf, MemoryStore } from '../store/memory.ts';
import { ClustersetFixture, makeWriter, recordsOf, rim } from './clusterset.fixture.ts';
import { PeerReplica } from './peer-replica.ts';

const WEST = parseClusterId('west');
const clusterset = new ClustersetFixture(['east', 'west']);

interface Stage {
  readonly replica: PeerReplica;
  readonly shelf: MemoryShelf;
  /** The roster in force, to be replaced at any moment. */
  readonly inForce: { roster: Roster | undefined };
  /** Marks become durable when this is called. */
  release(): void;
}

/** West has published; its replica waits for the disk after it has judged. */
async function stage(): Promise<Stage> {
  const clock = new ManualClock();
  const shelf = new MemoryShelf();
  const components = { ...rim(clock), store: new MemoryStore({ clock }, { shelf }) };
  const writer = await makeWriter(clusterset, components, WEST);
  writer.publish(recordsOf({ shop: 1 }), 'availability');
  await clock.advance(0);
  await writer.close();
  const inForce: Stage['inForce'] = { roster: clusterset.roster(1) };
  const disk = Promise.withResolvers<void>();
  const marks = { peer: () => undefined, advance: () => disk.promise };
  const { signal } = new AbortController();
  const replica = new PeerReplica(
    { ...components, marks, verifyHead, roster: () => inForce.roster, signal },
    { cluster: WEST, limits: DEFAULT_RECORD_LIMITS, ownRanges: [] },
  );
  return { replica, shelf, inForce, release: disk.resolve };
}

/** Lets everything run that waits for promises only. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

test('nothing is used before its mark is durable', async () => {
  const s = await stage();
  const fetched = s.replica.fetch();
  await settle();
  assert.equal(s.replica.view, undefined);
  s.release();
  const step = await fetched;
  assert.equal(step.kind === 'view' && step.view, s.replica.view);
});

test('what was judged under a roster that is replaced before it is used is judged again', async () => {
  const s = await stage();
  const fetched = s.replica.fetch();
  await settle();
  s.inForce.roster = clusterset.roster(2, (member) => ({ ...member, exportableNamespaces: ['other'] }));
  s.release();
  assert.equal((await fetched).kind, 'fetch');
  assert.equal(s.replica.view, undefined);
  const again = await s.replica.fetch();
  assert.equal(again.kind === 'rejected' && again.clause, 'namespaces');
});

test('without a roster nothing is asked, judged or refused', async () => {
  const s = await stage();
  s.inForce.roster = undefined;
  const stored = s.shelf.clusters.get(WEST);
  assert.ok(stored, 'west is stored');
  assert.equal(s.replica.offer({ stored }).kind, 'known');
  assert.equal((await s.replica.fetch()).kind, 'known');
});

test('a new roster that changes when a member joined gives a new view of the same records', async () => {
  const s = await stage();
  s.release();
  await s.replica.fetch();
  const before = s.replica.view;
  s.inForce.roster = clusterset.roster(2, (member) => ({ ...member, joinedAtMs: 7 }));
  const step = s.replica.rejudge();
  assert.equal(step.kind === 'view' && step.view.joinedAtMs, 7);
  assert.equal(s.replica.view?.services, before?.services);
  assert.equal(s.replica.rejudge().kind, 'known');
});
