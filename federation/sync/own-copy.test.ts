import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeadOrder } from '../model/head.ts';
import { judgeOwnCopy, type OwnCopy } from './own-copy.ts';

const writer = { incarnation: 2, epoch: 5, writerId: 'b' };
const order = (change: Partial<HeadOrder> = {}): HeadOrder => ({ ...writer, version: 10, beat: 3, ...change });

interface Case {
  readonly story: string;
  readonly made?: HeadOrder;
  readonly stored?: HeadOrder;
  readonly kind: OwnCopy['kind'];
}

const CASES: readonly Case[] = [
  { story: 'a new cluster finds nothing', kind: 'absent' },
  { story: 'an emptied store, or one that is new in the list, holds nothing', made: order(), kind: 'absent' },
  {
    story: 'an older version is a store that lags or went back',
    made: order(),
    stored: order({ version: 9 }),
    kind: 'behind',
  },
  {
    story: 'our version under an older beat is still our version',
    made: order(),
    stored: order({ beat: 1 }),
    kind: 'current',
  },
  {
    story: 'our version under a beat whose answer was lost is still our version',
    made: order(),
    stored: order({ beat: 4 }),
    kind: 'current',
  },
  {
    story: 'a version above all that we made is a claim',
    made: order(),
    stored: order({ version: 11 }),
    kind: 'ahead',
  },
  { story: 'a head of ours before we made any is a claim', stored: order(), kind: 'ahead' },
  { story: 'a lower epoch is our predecessor', stored: order({ epoch: 4 }), kind: 'predecessor' },
  {
    story: 'an earlier life of the cluster is our predecessor',
    stored: order({ incarnation: 1, epoch: 9 }),
    kind: 'predecessor',
  },
  { story: 'a lower writer of our epoch is our predecessor', stored: order({ writerId: 'a' }), kind: 'predecessor' },
  { story: 'a higher epoch fences us', made: order(), stored: order({ epoch: 6, version: 1 }), kind: 'fenced' },
  { story: 'a higher writer of our epoch fences us', stored: order({ writerId: 'c' }), kind: 'fenced' },
  { story: 'a later life of the cluster fences us', stored: order({ incarnation: 3, epoch: 1 }), kind: 'fenced' },
];

for (const { story, made, stored, kind } of CASES) {
  test(story, () => {
    assert.equal(judgeOwnCopy(writer, made, stored).kind, kind);
  });
}
