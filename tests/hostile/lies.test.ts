import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accept } from '../../federation/model/accept.ts';
import { diffRecords, isEmptyChange, sameBytes } from '../../federation/model/diff.ts';
import { RecordDigest } from '../../federation/model/digest.ts';
import { encodeRecord, recordKeyOf } from '../../federation/model/encode.ts';
import { encodeHead } from '../../federation/model/head-codec.ts';
import { parseClusterId } from '../../federation/model/ids.ts';
import { sha256Hex } from '../../federation/model/sha256.ts';
import { exampleHead } from '../../federation/model/testing/records.fixture.ts';
import type { StoredCluster } from '../../federation/store/contract.ts';
import { recordsOf } from '../../federation/sync/clusterset.fixture.ts';
import { signHead, verifyHead } from '../../trust/head-signature.ts';
import { Archive } from './archive.ts';
import { clusterset, FIRST_MEMBERSHIP, LIMITS, READER_RANGES, rosterOf } from './cast.ts';
import { Dice } from './dice.ts';
import { LIES } from './lies.ts';

const east = parseClusterId('east');
const DRAWS = 40;

function stateOf(cluster: string, version: number, beat = 0): StoredCluster {
  const id = parseClusterId(cluster);
  const { key, chain } = clusterset.signer(id);
  const chainBytes = encodeRecord(chain);
  const records = new Map([...recordsOf({ a: version, b: 1 }), [recordKeyOf(chain), chainBytes]]);
  const order = { incarnation: 1, epoch: 1, writerId: 'w', version, beat };
  const bytes = encodeHead(exampleHead({ ...order, cluster: id, digest: RecordDigest.of(records).hex }));
  return { order, records, head: { bytes, signature: signHead(key, bytes), signerChain: sha256Hex(chainBytes) } };
}

function archiveOf(states: readonly (readonly [string, StoredCluster])[]): Archive {
  const archive = new Archive();
  for (const [cluster, state] of states) archive.keep(cluster, state);
  return archive;
}

const old = stateOf('east', 1);
const truth = stateOf('east', 3, 2);
const archive = archiveOf([
  ['east', old],
  ['east', stateOf('east', 3, 1)],
  ['east', truth],
  ['west', stateOf('west', 7)],
]);

function isTruth({ head, records }: StoredCluster): boolean {
  return sameBytes(head.bytes, truth.head.bytes) && isEmptyChange(diffRecords(truth.records, records));
}

for (const lie of LIES) {
  test(`the lie ${lie.kind}/${lie.name} can be told, and a reader that knows the truth refuses whatever differs from it`, () => {
    const dice = new Dice(7);
    let told = 0;
    for (let draw = 0; draw < DRAWS; draw++) {
      const state = lie.tell(truth, { cluster: 'east', archive, dice });
      if (state === undefined) continue;
      told += 1;
      if (state === 'absent') continue;
      const verdict = accept({
        cluster: east,
        roster: rosterOf(FIRST_MEMBERSHIP),
        signed: state.head,
        records: state.records,
        mark: { order: truth.order, digest: RecordDigest.of(truth.records).hex },
        limits: LIMITS,
        ownRanges: READER_RANGES,
        atMs: Date.UTC(2026, 0, 1),
        verifyHead,
      });
      // A claim about the order beside the head leaves head and records as they were.
      assert.ok(!verdict.ok || isTruth(state), `draw ${draw}`);
    }
    assert.ok(told > 0);
  });
}

test('dice of one seed and part fall alike, those of other parts otherwise', () => {
  const throws = (dice: Dice): readonly number[] => Array.from({ length: 20 }, () => dice.below(1_000));
  assert.deepEqual(throws(new Dice(3).of('north')), throws(new Dice(3).of('north')));
  assert.notDeepEqual(throws(new Dice(3).of('north')), throws(new Dice(3).of('south')));
});
