import type { HostableStore } from '../contract.ts';
import { STORE_LIMITS, StoreRefusedError } from '../contract.ts';
import { atMost } from '../limits.ts';
import type { Principal } from './access.ts';
import { checkOwnCluster, checkOwnLease, checkOwnToken } from './access.ts';
import type { LoggedIn } from './login.ts';
import type { Membership } from './membership.ts';
import type { RequestOf, ResponseInitOf, StreamName, UnaryName } from './service.ts';
import type { Sessions } from './sessions.ts';
import type { RecordInit } from './wire.ts';
import {
  clusterFromWire,
  headFromWire,
  headToWire,
  hintToWire,
  inParts,
  orderFromWire,
  recordsFromWire,
  recordsToWire,
  rosterFromWire,
  wholeFromWire,
} from './wire.ts';

/** Who calls, as the gate has found out. `login` is there for the Login call alone. */
export interface Caller {
  readonly principal: Principal;
  readonly login?: LoggedIn | undefined;
}

export type UnaryHandlers = {
  readonly [Name in UnaryName]: (request: RequestOf<Name>, caller: Caller) => Promise<ResponseInitOf<Name>>;
};
export type StreamHandlers = {
  readonly [Name in StreamName]: (
    request: RequestOf<Name>,
    caller: Caller,
    signal: AbortSignal,
  ) => AsyncIterable<ResponseInitOf<Name>>;
};

export interface HandlerComponents {
  readonly store: HostableStore;
  readonly membership: Membership;
  readonly sessions: Sessions;
}

/** Every call with one answer. The gate has already refused callers that may not call the method at all. */
export function unaryHandlers({ store, membership, sessions }: HandlerComponents): UnaryHandlers {
  return {
    login: async (_request, { login }) => {
      if (login === undefined) throw new StoreRefusedError('the login needs a proof');
      const { token, expiresInMs } = sessions.open(login.principal, login);
      return { session: token, expiresInMs: BigInt(Math.floor(expiresInMs)) };
    },
    claim: async ({ cluster, root, roster }) => {
      await membership.claim({ cluster: clusterFromWire(cluster), root, roster: rosterFromWire(roster) });
      return {};
    },
    commit: async (request, { principal }) => {
      const cluster = clusterFromWire(request.cluster);
      checkOwnCluster(principal, cluster);
      // Counted before the set is built: a hundred million empty records fit into one message.
      atMost('number of records in the commit', request.puts.length, STORE_LIMITS.clusterRecordsMax);
      const puts = recordsFromWire(request.puts);
      await store.commit({ cluster, ...headFromWire(request.head), puts, deletes: request.deletes });
      return {};
    },
    beat: async (request, { principal }) => {
      const cluster = clusterFromWire(request.cluster);
      checkOwnCluster(principal, cluster);
      await store.beat(cluster, headFromWire(request.head));
      return {};
    },
    getRoster: async () => {
      const roster = await store.roster();
      if (roster === undefined) return { found: false };
      return { found: true, roster: { version: BigInt(roster.version), bytes: roster.bytes } };
    },
    putRoster: async ({ roster }) => {
      await membership.putRoster(rosterFromWire(roster));
      return {};
    },
    ...joinHandlers(store),
    acquireLease: async ({ name, holder, ttlMs }, { principal }) => {
      checkOwnLease(principal, name);
      const lease = await store.lease.acquire(name, holder, wholeFromWire('duration of the lease', ttlMs));
      const { transitions, expiresInMs } = lease;
      return { holder: lease.holder, transitions: BigInt(transitions), expiresInMs: BigInt(Math.floor(expiresInMs)) };
    },
    releaseLease: async ({ name, holder }, { principal }) => {
      checkOwnLease(principal, name);
      await store.lease.release(name, holder);
      return {};
    },
  };
}

type JoinHandlers = Pick<UnaryHandlers, 'offerJoin' | 'requestJoin' | 'pendingJoins' | 'answerJoin' | 'joinAnswer'>;

function joinHandlers({ join }: HostableStore): JoinHandlers {
  return {
    offerJoin: async ({ tokenId, credential, expiresAtMs }) => {
      await join.offer({ tokenId, credential, expiresAtMs: wholeFromWire('expiry of the token', expiresAtMs) });
      return {};
    },
    requestJoin: async ({ tokenId, bytes }, { principal }) => {
      checkOwnToken(principal, tokenId);
      await join.request({ tokenId, bytes });
      return {};
    },
    pendingJoins: async () => ({
      requests: (await join.pending()).map(({ tokenId, bytes }) => ({ tokenId, bytes })),
    }),
    answerJoin: async ({ tokenId, bytes }) => {
      await join.answer({ tokenId, bytes });
      return {};
    },
    joinAnswer: async ({ tokenId }, { principal }) => {
      checkOwnToken(principal, tokenId);
      const bytes = await join.answerFor(tokenId);
      return bytes === undefined ? { found: false } : { found: true, bytes };
    },
  };
}

export function streamHandlers({ store }: HandlerComponents): StreamHandlers {
  return {
    async *read({ cluster }) {
      const stored = await store.read(clusterFromWire(cluster));
      if (stored === undefined) {
        yield { found: false };
        return;
      }
      yield { found: true, head: headToWire(stored) };
      for (const records of inParts(recordsToWire(stored.records), recordInitSize)) yield { records };
    },
    async *changes({ cluster, after }) {
      const changes = await store.changes(clusterFromWire(cluster), orderFromWire(after));
      if (changes.kind === 'gone') {
        yield { gone: true };
        return;
      }
      yield { head: headToWire(changes) };
      for (const puts of inParts(recordsToWire(changes.puts), recordInitSize)) yield { puts };
      for (const deletes of inParts(changes.deletes, (key) => key.length)) yield { deletes };
    },
    async *heads() {
      const heads = Array.from(await store.heads(), ([cluster, head]) => ({ cluster, head: headToWire(head) }));
      for (const part of inParts(heads, ({ head }) => head.head?.bytes?.length ?? 0)) yield { heads: part };
    },
    watch: (_request, { principal }, signal) => watchHints(store, principal, signal),
  };
}

async function* watchHints(
  store: HostableStore,
  principal: Principal,
  signal: AbortSignal,
): AsyncGenerator<ResponseInitOf<'watch'>> {
  const hints = store.watch(signal);
  // Now the watch is under way; what happened before the client must look for itself.
  yield hintToWire({ kind: 'gap' });
  const seesJoins = principal.kind === 'member' && principal.isAuthority;
  for await (const hint of hints) {
    if (hint.kind !== 'join' || seesJoins) yield hintToWire(hint);
  }
}

function recordInitSize({ key, bytes }: RecordInit): number {
  return (key?.length ?? 0) + (bytes?.length ?? 0);
}
