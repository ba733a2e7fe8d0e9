import { describe } from 'node:test';
import { describeBoards } from './conformance/boards.ts';
import { describeChanges } from './conformance/changes.ts';
import { describeCommits } from './conformance/commits.ts';
import { describeHints } from './conformance/hints.ts';
import { describeLimits } from './conformance/limits.ts';
import type { MakeRig } from './conformance/rig.ts';

/** The one suite that says what a store is. Every sentence of `contract.ts` has its test here; every store runs it. */
export function describeStore(name: string, makeRig: MakeRig): void {
  describe(`${name} keeps the store contract`, () => {
    describeCommits(makeRig);
    describeChanges(makeRig);
    describeLimits(makeRig);
    describeBoards(makeRig);
    describeHints(makeRig);
  });
}
