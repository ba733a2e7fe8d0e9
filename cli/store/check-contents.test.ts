import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId } from '../../federation/model/ids.ts';
import { checkContents } from './check-contents.ts';
import type { DumpedCluster, StoreDump } from './dump.ts';

const CLUSTER: DumpedCluster = {
  cluster: parseClusterId('west'),
  member: 'active',
  order: { incarnation: 1, epoch: 1, writerId: 'a', version: 1, beat: 1 },
  ageSeconds: 2,
  records: { cluster: 1, gateway: 1, service: 1, chain: 1, other: 0 },
  bytes: 1_000,
  verified: true,
};
const DUMP: StoreDump = {
  apiVersion: 'isthmus.dev/v1alpha1',
  kind: 'StoreDump',
  store: 'embedded:/x',
  roster: { version: 3, verified: true, pinned: true, members: 1, bytes: 100 },
  clusters: [CLUSTER],
};

function withCluster(part: Partial<DumpedCluster>): Partial<StoreDump> {
  return { clusters: [{ ...CLUSTER, ...part }] };
}

function withRoster(part: Partial<StoreDump['roster']>): Partial<StoreDump> {
  return { roster: { ...DUMP.roster, ...part } };
}

const NO_ROSTER = withRoster({ version: undefined, verified: false, message: 'the store has no roster' });

test('contents that verify are no finding', () => assert.deepEqual(checkContents(DUMP), []));

for (const [what, change, severity, reason] of [
  ['an empty store', { ...NO_ROSTER, clusters: [] }, 'info', 'Empty'],
  ['clusters without a roster', NO_ROSTER, 'warning', 'RosterMissing'],
  ['a roster that does not verify', withRoster({ verified: false, message: 'x' }), 'error', 'RosterNotVerified'],
  ['a roster from before', withRoster({ knownVersion: 5 }), 'warning', 'RosterBehind'],
  ['a forged cluster', withCluster({ verified: false, reason: 'HeadSignature' }), 'error', 'ClusterNotVerified'],
  ['a cluster that is no member', withCluster({ verified: false, member: 'none' }), 'info', 'NotAMember'],
  ['a cluster that has gone quiet', withCluster({ ageSeconds: 600 }), 'info', 'Silent'],
] as const) {
  test(`${what} is found, alone, as ${severity} ${reason}`, () => {
    const found = checkContents({ ...DUMP, ...change });
    assert.deepEqual(
      found.map((finding) => [finding.severity, finding.reason]),
      [[severity, reason]],
    );
  });
}

test('a thousand made-up clusters are 21 findings, the last of which counts the rest', () => {
  const strangers = Array.from({ length: 1_000 }, (_, index) => ({
    ...CLUSTER,
    cluster: parseClusterId(`x${index}`),
    member: 'none',
    verified: false,
  }));
  const found = checkContents({ ...DUMP, clusters: strangers });
  assert.equal(found.length, 21);
  assert.match(found.at(-1)?.message ?? '', /980 more/);
});
