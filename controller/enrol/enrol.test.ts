import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseClusterId } from '../../federation/model/ids.ts';
import {
  type JoinRequest,
  type Store,
  type StoredRoster,
  StoreUnavailableError,
} from '../../federation/store/contract.ts';
import { MemoryStore } from '../../federation/store/memory.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { SystemRandom } from '../../runtime/random.ts';
import type { Roster } from '../../trust/contract.ts';
import { Journal } from '../../trust/journal.ts';
import { openRoster } from '../../trust/roster.ts';
import type { JoinToken } from '../../trust/token.ts';
import { JoinDesk } from '../join-desk.ts';
import { loadSiteTrust } from '../site-trust.ts';
import { type StateFolder, stateFolder } from '../state-folder.ts';
import { type FoundedClusterset, foundHere } from './found.ts';
import { forgetJoinRequests, joinHere } from './join.ts';

/** Founding, the authority's desk and joining with a real journal, real keys and a store that can fail at any call. */
const EAST = parseClusterId('east');
const WEST = parseClusterId('west');
const DOMAIN = 'prod.example.org';
const components = { clock: new SystemClock(), random: new SystemRandom(), log: silentLogger };
const leaf = { clustersetDomain: DOMAIN, leafLifetimeMs: 3_600_000 };

class Authority {
  readonly store = new MemoryStore(components);
  readonly folder: StateFolder;
  readonly #t: TestContext;
  readonly #founded: FoundedClusterset;
  rosterBytes: Uint8Array;

  private constructor(t: TestContext, folder: StateFolder, founded: FoundedClusterset) {
    this.#t = t;
    this.folder = folder;
    this.#founded = founded;
    this.rosterBytes = founded.rosterBytes;
  }

  static async found(t: TestContext): Promise<Authority> {
    const folder = await folderOf(t);
    const founded = await foundHere(
      { folder, random: components.random },
      { cluster: EAST, domain: DOMAIN, dev: true, nowMs: components.clock.epochMs() },
    );
    const authority = new Authority(t, folder, founded);
    await authority.store.putRoster({ version: 1, bytes: founded.rosterBytes });
    return authority;
  }

  get version(): number {
    return this.#roster().version;
  }

  /** A desk as a start of the authority makes it: everything it knows is in the journal and in the newest roster. */
  async desk(store: Store = this.store): Promise<JoinDesk> {
    const trust = await loadSiteTrust(
      { folder: this.folder, random: components.random },
      { ...leaf, cluster: EAST, authority: true },
    );
    const journal = await Journal.open(this.folder.journal);
    this.#t.after(() => journal[Symbol.asyncDispose]());
    assert.ok(trust.rootKey !== undefined);
    return new JoinDesk(
      { ...components, store, journal, rootKey: trust.rootKey, rootCertificate: this.#founded.root },
      {
        roster: () => this.#roster(),
        onRoster: (_, bytes) => {
          this.rosterBytes = bytes;
          return Promise.resolve();
        },
      },
    );
  }

  token(desk: JoinDesk, cluster = 'west'): Promise<JoinToken> {
    const { rootFingerprint } = this.#founded;
    return desk.makeToken({ cluster: parseClusterId(cluster), store: 'memory:x', rootFingerprint, lifetimeMs: 60_000 });
  }

  #roster(): Roster {
    const opened = openRoster({ bytes: this.rosterBytes, pinnedRoots: [this.#founded.root] });
    assert.ok(opened.ok);
    return opened.value;
  }
}

async function folderOf(t: TestContext): Promise<StateFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-enrol-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return stateFolder(folder);
}

type Step = 'putRoster' | 'answer';

/** The authority dies at this call of the store: before it has an effect, or after it and before it hears so. */
function dyingAt(store: MemoryStore, step: Step, when: 'before' | 'after'): Store {
  const dying = <Argument>(work: (argument: Argument) => Promise<void>) => {
    return async (argument: Argument): Promise<void> => {
      if (when === 'after') await work(argument);
      throw new StoreUnavailableError('the authority died');
    };
  };
  const putRoster = step === 'putRoster' ? dying((roster: StoredRoster) => store.putRoster(roster)) : undefined;
  const answer = step === 'answer' ? dying((reply: JoinRequest) => store.join.answer(reply)) : undefined;
  return new Proxy(store, {
    get: (target, key) => {
      if (key === 'putRoster' && putRoster !== undefined) return putRoster;
      if (key === 'join' && answer !== undefined) return { ...target.join, answer };
      const value: unknown = Reflect.get(target, key, target);
      // Methods use private fields, which a proxy does not have.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function joining(authority: Authority, folder: StateFolder, token: JoinToken): ReturnType<typeof joinHere> {
  return joinHere(
    { ...components, folder, store: authority.store },
    { token, waitMs: 10_000, signal: new AbortController().signal, onWaiting: () => undefined },
  );
}

/** The desk looks until the joiner is satisfied. */
async function admitted(desk: JoinDesk, joiner: ReturnType<typeof joinHere>): ReturnType<typeof joinHere> {
  const state = { over: false };
  const done = joiner.finally(() => {
    state.over = true;
  });
  // A refusal is the caller's to see, after the loop.
  done.catch(() => undefined);
  while (!state.over) {
    await desk.look();
    await components.clock.sleep(5);
  }
  return done;
}

async function requested(authority: Authority): Promise<void> {
  while ((await authority.store.join.pending()).length === 0) await components.clock.sleep(5);
}

for (const [step, when] of [
  ['putRoster', 'before'],
  ['putRoster', 'after'],
  ['answer', 'before'],
  ['answer', 'after'],
] as const) {
  test(`an authority that dies ${when} its ${step} admits the joiner once when it is back`, async (t) => {
    const authority = await Authority.found(t);
    const token = await authority.token(await authority.desk());
    const folder = await folderOf(t);
    const joiner = joining(authority, folder, token);
    await requested(authority);
    const dying = await authority.desk(dyingAt(authority.store, step, when));
    await dying.look();

    const rosterInStore = await authority.store.roster();
    assert.ok(rosterInStore !== undefined);
    // Its follower has read the store by the time it can serve again.
    if (rosterInStore.version > authority.version) authority.rosterBytes = rosterInStore.bytes;
    const { rosterVersion } = await admitted(await authority.desk(), joiner);
    assert.deepEqual([rosterVersion, authority.version], [2, 2]);
    const trust = await loadSiteTrust(
      { folder, random: components.random },
      { ...leaf, cluster: WEST, authority: false },
    );
    assert.equal(trust.roster.members.find(({ cluster }) => cluster === WEST)?.incarnation, 1);
  });
}

test('a join that a crash interrupted keeps its place before one that came later', async (t) => {
  const authority = await Authority.found(t);
  const desk = await authority.desk();
  const tokens = [
    await authority.token(desk),
    await authority.token(desk, 'north'),
    await authority.token(desk, 'south'),
  ];
  const [first, ...others] = tokens.sort((left, right) => right.tokenId.localeCompare(left.tokenId));
  assert.ok(first !== undefined);
  const joins = [joining(authority, await folderOf(t), first)];
  await requested(authority);
  await (await authority.desk(dyingAt(authority.store, 'putRoster', 'before'))).look();
  for (const token of others) joins.push(joining(authority, await folderOf(t), token));
  while ((await authority.store.join.pending()).length < 3) await components.clock.sleep(5);
  const restarted = await authority.desk();
  const joined = await Promise.all(joins.map((joiner) => admitted(restarted, joiner)));
  assert.ok(joined.every(({ rosterVersion }) => rosterVersion >= 2));
  assert.equal(authority.version, 4);
});

test('a join is repeated with the same token as long as its site was not written', async (t) => {
  const authority = await Authority.found(t);
  const desk = await authority.desk();
  const token = await authority.token(desk);
  const folder = await folderOf(t);
  const first = await admitted(desk, joining(authority, folder, token));
  assert.deepEqual(await joining(authority, folder, token), first);
  await forgetJoinRequests(folder);
  await assert.rejects(joining(authority, folder, token), { code: 'join-refused' });
});

test('a store that shows the roster later than the answer is asked again', async (t) => {
  const authority = await Authority.found(t);
  const desk = await authority.desk();
  const token = await authority.token(desk);
  const old = await authority.store.roster();
  let shown = 0;
  const late: Store = new Proxy(authority.store, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (key === 'roster' && shown++ < 2) return () => Promise.resolve(old);
      // Methods use private fields, which a proxy does not have.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const folder = await folderOf(t);
  const init = { token, waitMs: 10_000, signal: new AbortController().signal, onWaiting: () => undefined };
  const { rosterVersion } = await admitted(desk, joinHere({ ...components, folder, store: late }, init));
  assert.equal(rosterVersion, 2);
  assert.ok(shown > 2);
});

test('founding again after a crash takes the root that is there', async (t) => {
  const folder = await folderOf(t);
  const init = { cluster: EAST, domain: DOMAIN, dev: true, nowMs: components.clock.epochMs() };
  const first = await foundHere({ folder, random: components.random }, init);
  const second = await foundHere({ folder, random: components.random }, init);
  assert.equal(second.rootFingerprint, first.rootFingerprint);
});

test('a damaged roster of the join gives way to the one that was followed', async (t) => {
  const authority = await Authority.found(t);
  await writeFile(authority.folder.joinedRoster, '{');
  const init = { ...leaf, cluster: EAST, authority: true };
  const load = (followedRoster?: Uint8Array) =>
    loadSiteTrust({ folder: authority.folder, random: components.random }, { ...init, followedRoster });
  const { roster, findings } = await load(authority.rosterBytes);
  assert.deepEqual([roster.version, findings.map(({ reason }) => reason)], [1, ['RosterDamaged']]);
  await assert.rejects(load(), { code: 'roster-refused' });
});

test('a damaged void token is replaced, and the new one stays', async (t) => {
  const { folder } = await Authority.found(t);
  const init = { ...leaf, cluster: EAST, authority: true };
  const load = () => loadSiteTrust({ folder, random: components.random }, init);
  await load();
  await writeFile(folder.voidToken, 'half of');
  const mended = (await load()).voidToken.reveal();
  assert.match(mended, /^[0-9a-f]{64}$/);
  assert.equal((await load()).voidToken.reveal(), mended);
});

test('keys that others can read stop the controller instead of being used', async (t) => {
  const { folder } = await Authority.found(t);
  await chmod(join(folder.keys, 'cluster-ca.pem'), 0o644);
  const init = { ...leaf, cluster: EAST, authority: true };
  await assert.rejects(loadSiteTrust({ folder, random: components.random }, init), { code: 'exposed-file' });
});
