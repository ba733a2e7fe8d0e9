import { describe } from 'node:test';
import { describeBoards } from './conformance/boards.fixture.ts';
import { describeChanges } from './conformance/changes.fixture.ts';
import { describeCommits } from './conformance/commits.fixture.ts';
import { describeHints } from './conformance/hints.fixture.ts';
import { describeLimits } from './conformance/limits.fixture.ts';
import type { MakeRig } from './conformance/rig.fixture.ts';

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
