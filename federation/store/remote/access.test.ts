import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EAST, WEST } from '../conformance/rig.fixture.ts';
import type { Principal } from './access.ts';
import { checkMethod, checkOwnCluster, checkOwnLease, checkOwnToken } from './access.ts';
import type { MethodName } from './service.ts';

const member: Principal = { kind: 'member', cluster: WEST, isAuthority: false };
const authority: Principal = { kind: 'member', cluster: EAST, isAuthority: true };
const joiner: Principal = { kind: 'joiner', tokenId: 't1' };
const claimant: Principal = { kind: 'claimant' };

const METHODS: readonly MethodName[] = [
  'login',
  'claim',
  'commit',
  'beat',
  'read',
  'changes',
  'heads',
  'getRoster',
  'putRoster',
  'offerJoin',
  'requestJoin',
  'pendingJoins',
  'answerJoin',
  'joinAnswer',
  'acquireLease',
  'releaseLease',
  'watch',
];

describe('access to a store server', () => {
  it('lets each kind of caller use its methods and no others', () => {
    const table = [member, authority, joiner, claimant].map((principal) =>
      METHODS.filter((method) => isAllowed(() => checkMethod(principal, method))),
    );
    const data: MethodName[] = ['commit', 'beat', 'read', 'changes', 'heads', 'getRoster'];
    assert.deepEqual(table, [
      ['login', ...data, 'acquireLease', 'releaseLease', 'watch'],
      METHODS.filter((method) => method !== 'claim'),
      ['login', 'getRoster', 'requestJoin', 'joinAnswer'],
      ['login', 'claim'],
    ]);
  });

  it('lets a member write its own cluster only, the authority included', () => {
    assert.ok(isAllowed(() => checkOwnCluster(member, WEST)));
    for (const principal of [authority, joiner, claimant]) {
      assert.ok(!isAllowed(() => checkOwnCluster(principal, WEST)));
    }
  });

  it('lets a member use leases under its own name only, prefixes of names not taken for it', () => {
    for (const name of ['west/leader', 'west'])
      assert.ok(
        isAllowed(() => checkOwnLease(member, name)),
        name,
      );
    for (const name of ['east/leader', 'west2/leader', 'wes/leader', '/west', '', ' west/x', 'WEST/x']) {
      assert.ok(!isAllowed(() => checkOwnLease(member, name)), name);
    }
    assert.ok(!isAllowed(() => checkOwnLease(joiner, 'west/leader')));
  });

  it('lets a joiner use its own token only', () => {
    assert.ok(isAllowed(() => checkOwnToken(joiner, 't1')));
    assert.ok(!isAllowed(() => checkOwnToken(joiner, 't2')));
    assert.ok(!isAllowed(() => checkOwnToken(claimant, 't1')));
  });
});

function isAllowed(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    assert.equal(error instanceof Error && 'code' in error && error.code, 'store-refused');
    return false;
  }
}
