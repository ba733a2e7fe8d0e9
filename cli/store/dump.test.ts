import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordDigest } from '../../federation/model/digest.ts';
import { encodeRecord, recordKeyOf } from '../../federation/model/encode.ts';
import type { Head } from '../../federation/model/head.ts';
import { encodeHead } from '../../federation/model/head-codec.ts';
import { type ClusterId, parseClusterId } from '../../federation/model/ids.ts';
import type { RecordSet } from '../../federation/model/records.ts';
import type { StoredCluster } from '../../federation/store/contract.ts';
import { ClustersetFixture, recordsOf } from '../../federation/sync/clusterset.fixture.ts';
import { signHead } from '../../trust/head-signature.ts';
import { type DumpInit, dumpStore, type StoreContents } from './dump.ts';
import { dumpPage } from './dump-page.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const [EAST, WEST] = [parseClusterId('east'), parseClusterId('west')];
const clusterset = new ClustersetFixture(['east', 'west'], NOW_MS);
const stranger = new ClustersetFixture(['east', 'west'], NOW_MS);
const ROSTER = clusterset.roster(3);

/** A cluster as its own controller would publish it. */
function stored(cluster: ClusterId, fields: Partial<Head> = {}, by = clusterset): StoredCluster {
  const { key, chain } = by.signer(cluster);
  const records = new Map([...recordsOf({ web: 2 }), [recordKeyOf(chain), encodeRecord(chain)]]);
  const order = { incarnation: 1, epoch: 2, writerId: `${cluster}-0`, version: 7, beat: 9 };
  const head: Head = {
    ...{ schema: 1, cluster, ...order, digest: RecordDigest.of(records).hex, rosterSeen: 3, acks: {} },
    ...{ issuedAtMs: NOW_MS - 5_000, ...fields },
  };
  const bytes = encodeHead(head);
  const signerChain = recordKeyOf(chain).slice('chain/'.length);
  return { order, head: { bytes, signature: signHead(key, bytes), signerChain }, records };
}

function contents(clusters: Readonly<Record<string, StoredCluster>>, more: Partial<StoreContents> = {}): StoreContents {
  return {
    store: 'redis://redis.example.org:6379',
    roster: { version: 3, bytes: clusterset.signed(ROSTER) },
    clusters: new Map(Object.entries(clusters).map(([name, value]) => [parseClusterId(name), value])),
    boards: undefined,
    ...more,
  };
}

const SITE: DumpInit = { roots: [clusterset.root], known: ROSTER, ownRanges: [], atMs: NOW_MS, whole: new Set() };
const NO_SITE: DumpInit = { ...SITE, roots: [], known: undefined };

test('an honest store is shown with every cluster verified, by name, with its age and its records by kind', () => {
  const { roster, clusters } = dumpStore(contents({ west: stored(WEST), east: stored(EAST) }), SITE);
  assert.deepEqual([roster.version, roster.verified, roster.pinned, roster.members], [3, true, true, 2]);
  assert.deepEqual(
    clusters.map(({ cluster, member, verified, ageSeconds, records }) => [
      cluster,
      member,
      verified,
      ageSeconds,
      records,
    ]),
    [EAST, WEST].map((name) => [name, 'active', true, 5, { cluster: 1, gateway: 1, service: 1, chain: 1, other: 0 }]),
  );
});

function withRecords(cluster: StoredCluster, change: (records: Map<string, Uint8Array>) => void): StoredCluster {
  const records = new Map(cluster.records);
  change(records);
  return { ...cluster, records };
}

function withSignature(cluster: StoredCluster): StoredCluster {
  return { ...cluster, head: { ...cluster.head, signature: new Uint8Array(64).fill(1) } };
}

const OTHER_SERVICE: RecordSet = recordsOf({ web: 3 });

for (const [what, spoiled, reason] of [
  ['a head signed by the CA of another clusterset', stored(WEST, {}, stranger), 'IssuerUnknown'],
  ['a broken signature', withSignature(stored(WEST)), 'HeadSignature'],
  ['a head of another cluster in its place', stored(EAST), 'WrongCluster'],
  ['a record left out', withRecords(stored(WEST), (r) => void r.delete('gateway/gw')), 'DigestMismatch'],
  [
    'a record of another version',
    withRecords(stored(WEST), (r) => {
      for (const [key, value] of OTHER_SERVICE) r.set(key, value);
    }),
    'DigestMismatch',
  ],
  ['a head of a life before', stored(WEST, { incarnation: 0 }), 'WrongIncarnation'],
] as const) {
  test(`${what} is shown as not verified, with the reason, and spoils no other cluster`, () => {
    const { clusters } = dumpStore(contents({ east: stored(EAST), west: spoiled }), SITE);
    assert.deepEqual(
      clusters.map(({ verified, reason: why }) => [verified, why]),
      [
        [true, undefined],
        [false, reason],
      ],
    );
  });
}

test('a cluster that the roster does not know is shown, and as no member', () => {
  const { clusters } = dumpStore(contents({ mallory: stored(WEST) }), SITE);
  assert.deepEqual([clusters[0]?.member, clusters[0]?.verified, clusters[0]?.reason], ['none', false, 'NotAMember']);
});

test('a roster of other roots is not believed, and clusters are judged by the one this site knows', () => {
  const foreign = { version: 9, bytes: stranger.signed(stranger.roster(9)) };
  const { roster, clusters } = dumpStore(contents({ west: stored(WEST) }, { roster: foreign }), SITE);
  assert.deepEqual([roster.verified, roster.reason], [false, 'RootUnknown']);
  assert.equal(clusters[0]?.verified, true);
});

test('a store that lags behind the roster this site knows says so', () => {
  const { roster } = dumpStore(contents({}), { ...SITE, known: clusterset.roster(5) });
  assert.deepEqual([roster.version, roster.verified, roster.knownVersion], [3, true, 5]);
});

test('without a site the roster vouches for itself, and the dump says that nothing is pinned', () => {
  const dump = dumpStore(contents({ west: stored(WEST) }), NO_SITE);
  assert.deepEqual([dump.roster.verified, dump.roster.pinned, dump.clusters[0]?.verified], [true, false, true]);
  assert.match(dumpPage(dump, NOW_MS), /not pinned/);
});

test('an empty store has no roster, which is not verified', () => {
  const dump = dumpStore(contents({}, { roster: undefined }), SITE);
  assert.deepEqual([dump.roster.verified, dump.roster.reason], [false, 'NoRoster']);
  assert.match(dumpPage(dump, NOW_MS), /^Roster: {2}none$/m);
});

test('records are shown decoded for the clusters that were asked for, and those that do not decode with the reason', () => {
  const odd = withRecords(stored(WEST), (records) => void records.set('service/default/bad', Buffer.from('{"x":')));
  const init = { ...SITE, whole: new Set([WEST]) };
  const [east, west] = dumpStore(contents({ east: stored(EAST), west: odd }), init).clusters;
  assert.equal(east?.contents, undefined);
  const found = new Map(west?.contents?.map((record) => [record.key, record]));
  assert.deepEqual([...found.keys()].slice(1), ['cluster', 'gateway/gw', 'service/default/bad', 'service/default/web']);
  assert.match(found.get('service/default/bad')?.problem ?? '', /service\/default\/bad/);
  assert.partialDeepStrictEqual(found.get('gateway/gw')?.value, { kind: 'gateway', name: 'gw' });
});

test('what cannot be read at all is shown in its place, and spoils neither the page nor the others', () => {
  const unreadable = new Map([
    [WEST, 'isthmus:{prod.example.org/west}:rec in the store is not readable: it is of another type'],
  ]);
  const rosterProblem = 'isthmus:{prod.example.org}:roster in the store is not readable: it is no roster';
  const dump = dumpStore(contents({ east: stored(EAST) }, { unreadable, roster: undefined, rosterProblem }), SITE);
  assert.deepEqual(
    dump.clusters.map(({ cluster, member, verified, reason }) => [cluster, member, verified, reason]),
    [
      ['east', 'active', true, undefined],
      ['west', 'active', false, 'Unreadable'],
    ],
  );
  assert.match(dumpPage(dump, NOW_MS), /^Roster: {2}not readable: isthmus:/m);
  assert.match(dumpPage(dump, NOW_MS), /^west +active +<none> +<none> +0 +0 +0 +no: Unreadable$/m);
  assert.match(dumpPage(dump, NOW_MS), /^west is not believed: isthmus:.*:rec in the store is not readable/m);
});

test('a head from the year 300000 and one that is no JSON are shown without an age', () => {
  const late = stored(WEST, { issuedAtMs: Number.MAX_SAFE_INTEGER });
  const garbage = { ...stored(EAST), head: { ...stored(EAST).head, bytes: Buffer.from('\u001b[2J') } };
  const { clusters } = dumpStore(contents({ west: late, east: garbage }), SITE);
  assert.deepEqual(
    clusters.map(({ ageSeconds, verified }) => [ageSeconds, verified]),
    [
      [undefined, false],
      [undefined, true],
    ],
  );
});

test('the page has one line a cluster, the boards without a secret, and no control character of anybody', () => {
  const boards = {
    joins: [{ tokenId: 'ab'.repeat(16), state: 'requested' as const, expiresAtMs: NOW_MS + 90_000 }],
    leases: [{ name: 'west', holder: 'host\u001b[2J-1', transitions: 4, expiresInMs: -1 }],
  };
  const west = { ...stored(WEST), order: { ...stored(WEST).order, writerId: '\u009b2J' } };
  const dump = dumpStore(contents({ west }, { boards }), { ...SITE, whole: new Set([WEST]) });
  const page = dumpPage(dump, NOW_MS);
  assert.match(
    page,
    /^CLUSTER +MEMBER +HEAD +AGE +GATEWAYS +SERVICES +BYTES +VERIFIED\nwest +active +1\.2 v7 \+9 +5s/m,
  );
  assert.match(page, /^(ab){16} +requested +in 90s$/m);
  assert.match(page, /^west +host \[2J-1 +4 +over$/m);
  assert.doesNotMatch(page.replaceAll('\n', ''), /\p{Cc}/u);
});
