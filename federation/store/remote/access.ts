import { isDnsLabel } from '../../model/ids.ts';
import type { ClusterId } from '../../model/ids.ts';
import { StoreRefusedError } from '../contract.ts';
import type { MethodName } from './service.ts';

/** Who may do what at a store server. Reading is for every member; writing is for the owner of what is written. */
export type Principal =
  | { readonly kind: 'member'; readonly cluster: ClusterId; readonly isAuthority: boolean }
  | { readonly kind: 'joiner'; readonly tokenId: string }
  | { readonly kind: 'claimant' };

type Role = 'member' | 'authority' | 'joiner' | 'claimant';

const ROLES: Readonly<Record<MethodName, readonly Role[]>> = {
  login: ['member', 'authority', 'joiner', 'claimant'],
  claim: ['claimant'],
  commit: ['member', 'authority'],
  beat: ['member', 'authority'],
  read: ['member', 'authority'],
  changes: ['member', 'authority'],
  heads: ['member', 'authority'],
  getRoster: ['member', 'authority', 'joiner'],
  putRoster: ['authority'],
  offerJoin: ['authority'],
  pendingJoins: ['authority'],
  answerJoin: ['authority'],
  requestJoin: ['authority', 'joiner'],
  joinAnswer: ['authority', 'joiner'],
  acquireLease: ['member', 'authority'],
  releaseLease: ['member', 'authority'],
  watch: ['member', 'authority'],
};

/** Known from the headers alone, so it is asked before the body is read. */
export function checkMethod(principal: Principal, method: MethodName): void {
  const role = principal.kind === 'member' && principal.isAuthority ? 'authority' : principal.kind;
  if (ROLES[method].includes(role)) return;
  throw new StoreRefusedError(`${nameOf(principal)} may not call ${method}`, { fields: { role, method } });
}

export function checkOwnCluster(principal: Principal, cluster: ClusterId): void {
  if (principal.kind === 'member' && principal.cluster === cluster) return;
  throw new StoreRefusedError(`${nameOf(principal)} may not write what belongs to cluster ${cluster}`, {
    hint: 'a cluster writes its own records only; is the name of this cluster right?',
  });
}

/** Leases of a cluster are named `CLUSTER/...`. */
export function checkOwnLease(principal: Principal, name: string): void {
  const owner = name.split('/', 1)[0] ?? '';
  if (principal.kind === 'member' && isDnsLabel(owner) && principal.cluster === owner) return;
  throw new StoreRefusedError(`${nameOf(principal)} may not use this lease`, {
    fields: { lease: name.slice(0, 100) },
    hint: 'leases at a store server are named CLUSTER/NAME, with the own cluster',
  });
}

export function checkOwnToken(principal: Principal, tokenId: string): void {
  if (principal.kind === 'member') return;
  if (principal.kind === 'joiner' && principal.tokenId === tokenId) return;
  throw new StoreRefusedError(`${nameOf(principal)} may not use another token than its own`);
}

export function nameOf(principal: Principal): string {
  switch (principal.kind) {
    case 'member':
      return `cluster ${principal.cluster}`;
    case 'joiner':
      return 'a joining cluster';
    case 'claimant':
      return 'the holder of the claim';
    default:
      return principal satisfies never;
  }
}
