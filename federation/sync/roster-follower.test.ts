import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { SeededRandom } from '../../runtime/random.ts';
import { parseClusterId } from '../model/ids.ts';
import { ClustersetFixture, rim } from './clusterset.fixture.ts';
import { Marks } from './marks.ts';
import { RosterFollower } from './roster-follower.ts';
import { MemoryShelf, UnrulyStore } from './unruly-store.fixture.ts';

const EAST = parseClusterId('east');
const WEST = parseClusterId('west');
const clusterset = new ClustersetFixture(['east', 'west']);

interface Stage {
  readonly store: UnrulyStore;
  readonly shelf: MemoryShelf;
  readonly marks: Marks;
  readonly follower: RosterFollower;
  restart(): RosterFollower;
}

async function stage(pinnedRoots: readonly Uint8Array[] = [clusterset.root]): Promise<Stage> {
  const clock = new ManualClock();
  const shelf = new MemoryShelf();
  const store = new UnrulyStore({ clock, random: new SeededRandom(1) }, shelf);
  const components = { ...rim(clock), store };
  const { marks } = await Marks.load(components);
  const restart = (): RosterFollower => new RosterFollower({ ...components, marks }, { pinnedRoots });
  return { store, shelf, marks, follower: restart(), restart };
}

/** What a hostile or restored store serves, whatever the contract says. */
function serve(shelf: MemoryShelf, version: number, bytes: Uint8Array): void {
  shelf.roster = { version, bytes };
}

test('no roster in the store changes nothing', async () => {
  const { follower } = await stage();
  assert.deepEqual(await follower.refresh(), { kind: 'absent' });
  assert.equal(follower.version, 0);
});

test('a newer roster is taken once, and its version is in the marks before it is used', async () => {
  const { follower, marks, shelf } = await stage();
  serve(shelf, 3, clusterset.signed(clusterset.roster(3)));
  assert.equal((await follower.refresh()).kind, 'newer');
  assert.equal((await follower.refresh()).kind, 'unchanged');
  assert.equal(follower.version, 3);
  assert.equal(marks.roster?.version, 3);
});

test('an older roster is refused, also after a restart', async () => {
  const { follower, shelf, restart } = await stage();
  const [old, recent] = [2, 3].map((version) => clusterset.signed(clusterset.roster(version)));
  assert.ok(old && recent, 'both are signed');
  serve(shelf, 3, recent);
  await follower.refresh();
  serve(shelf, 9, old);
  const [refusal, again] = [await follower.refresh(), await restart().refresh()];
  assert.deepEqual([refusal.kind, again.kind], ['refused', 'refused']);
  assert.equal(refusal.kind === 'refused' && refusal.reason, 'RosterRollback');
  assert.equal(follower.version, 3);
});

test('two rosters of one version are equivocation: the first stays', async () => {
  const { follower, shelf, restart } = await stage();
  serve(shelf, 3, clusterset.signed(clusterset.roster(3)));
  await follower.refresh();
  serve(shelf, 3, clusterset.signed({ ...clusterset.roster(3), dev: true }));
  for (const reader of [follower, restart()]) {
    const outcome = await reader.refresh();
    assert.equal(outcome.kind === 'refused' && outcome.reason, 'RosterEquivocation');
  }
});

test('a roster of a root that is not pinned is refused and counted once, not at every look', async () => {
  const { follower, shelf } = await stage([new ClustersetFixture([]).root]);
  serve(shelf, 1, clusterset.signed(clusterset.roster(1)));
  assert.equal((await follower.refresh()).kind, 'refused');
  assert.equal((await follower.refresh()).kind, 'unchanged');
  assert.equal(follower.current, undefined);
});

test('a roster with one octet changed is refused, and the good one is taken afterwards', async () => {
  const { follower, shelf } = await stage();
  const good = clusterset.signed(clusterset.roster(1));
  const bad = good.slice();
  bad[200] = (bad[200] ?? 0) ^ 1;
  serve(shelf, 1, bad);
  assert.equal((await follower.refresh()).kind, 'refused');
  serve(shelf, 1, good);
  assert.equal((await follower.refresh()).kind, 'newer');
});

test('a store that is down withholds nothing; one that answers with less than a peer has seen does', async () => {
  const { follower, shelf, store } = await stage();
  serve(shelf, 1, clusterset.signed(clusterset.roster(1)));
  await follower.refresh();
  assert.equal(follower.noticed(WEST, 2), true);
  store.faults.link = 'down';
  await assert.rejects(follower.refresh(), { code: 'store-unavailable' });
  assert.equal(follower.withheld, undefined);
  store.faults.link = 'up';
  await follower.refresh();
  assert.deepEqual(follower.withheld, { served: 1, seen: 2, by: WEST });
  serve(shelf, 2, clusterset.signed(clusterset.roster(2)));
  await follower.refresh();
  assert.equal(follower.withheld, undefined);
  assert.equal(follower.noticed(WEST, 2), false);
});

test('a roster that came by another way than the store is judged and marked like a stored one', async () => {
  const { follower, marks } = await stage();
  assert.equal((await follower.adopt(clusterset.signed(clusterset.roster(4)))).kind, 'newer');
  assert.equal((await follower.adopt(clusterset.signed(clusterset.roster(3)))).kind, 'refused');
  assert.equal(marks.roster?.version, 4);
});

test('what a member claimed to have seen is forgotten with the member', async () => {
  const { follower, shelf } = await stage();
  serve(shelf, 1, clusterset.signed(clusterset.roster(1)));
  await follower.refresh();
  follower.noticed(WEST, Number.MAX_SAFE_INTEGER);
  await follower.refresh();
  assert.equal(follower.withheld?.by, WEST);
  const quarantined = clusterset.roster(2, (member) =>
    member.cluster === WEST ? { ...member, status: 'quarantined' } : member,
  );
  serve(shelf, 2, clusterset.signed(quarantined));
  await follower.refresh();
  assert.equal(follower.withheld, undefined);
  follower.noticed(EAST, 3);
  await follower.refresh();
  assert.deepEqual(follower.withheld, { served: 2, seen: 3, by: EAST });
});
