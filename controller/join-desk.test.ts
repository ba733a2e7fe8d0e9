import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseClusterId } from '../federation/model/ids.ts';
import { type Store, type StoredRoster, StoreUnavailableError } from '../federation/store/contract.ts';
import { MemoryShelf, MemoryStore } from '../federation/store/memory.ts';
import type { StoreList } from '../federation/store/several.ts';
import { SystemClock } from '../runtime/clock.ts';
import { type LogFields, silentLogger } from '../runtime/log.ts';
import { SystemRandom } from '../runtime/random.ts';
import type { Roster } from '../trust/contract.ts';
import { Journal } from '../trust/journal.ts';
import { openRoster } from '../trust/roster.ts';
import type { JoinToken } from '../trust/token.ts';
import { foundHere, type FoundedClusterset } from './enrol/found.ts';
import { joinHere } from './enrol/join.ts';
import { JoinDesk } from './join-desk.ts';
import { FileDraft } from './roster-draft.ts';
import { loadSiteTrust } from './site-trust.ts';
import { type StateFolder, stateFolder } from './state-folder.ts';

/** The authority's desk over two stores, one of which may be away, with a real journal and real keys. */
const components = { clock: new SystemClock(), random: new SystemRandom(), log: silentLogger };
const SLOW_MS = 500;
const DOMAIN = 'prod.example.org';

/** The authority's way to a store: it may be cut, or take calls and never answer. */
class Link {
  readonly store: MemoryStore;
  readonly reached: Store;
  state: 'up' | 'slow' | 'down' | 'hung' = 'up';
  /** `lost`: taken, and the writer hears of a failure. */
  rosters: 'taken' | 'lost' | 'refused' = 'taken';
  #tries = 0;

  constructor() {
    this.store = new MemoryStore(components, { shelf: new MemoryShelf() });
    const { store } = this;
    this.reached = this.#cut(store, {
      join: this.#cut(store.join, {}),
      putRoster: async (roster: StoredRoster) => {
        if (this.rosters !== 'refused') await this.#call(() => store.putRoster(roster));
        if (this.rosters !== 'taken') throw new StoreUnavailableError('no answer');
      },
    });
  }

  #cut<T extends object>(whole: T, instead: Partial<Record<keyof T, unknown>>): T {
    return new Proxy(whole, {
      get: (target, key) => {
        if (Object.hasOwn(instead, key)) return instead[key as keyof T];
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => this.#call(() => Reflect.apply(value, target, args) as unknown);
      },
    });
  }

  async #call(work: () => unknown): Promise<unknown> {
    if (this.state === 'down') throw new StoreUnavailableError(`the link is down, try ${(this.#tries += 1)}`);
    if (this.state === 'slow') await components.clock.sleep(SLOW_MS);
    if (this.state === 'hung') return await new Promise<never>(() => undefined);
    return await work();
  }
}

class Authority {
  readonly old = new Link();
  readonly new = new Link();
  readonly #t: TestContext;
  readonly #folder: StateFolder;
  readonly #founded: FoundedClusterset;
  #rosterBytes: Uint8Array;

  private constructor(t: TestContext, folder: StateFolder, founded: FoundedClusterset) {
    this.#t = t;
    this.#folder = folder;
    this.#founded = founded;
    this.#rosterBytes = founded.rosterBytes;
  }

  static async found(t: TestContext): Promise<Authority> {
    const folder = await folderOf(t);
    const founded = await foundHere(
      { folder, random: components.random },
      { cluster: parseClusterId('east'), domain: DOMAIN, dev: true, nowMs: components.clock.epochMs() },
    );
    const authority = new Authority(t, folder, founded);
    for (const { store } of [authority.old, authority.new]) {
      await store.putRoster({ version: 1, bytes: founded.rosterBytes });
    }
    return authority;
  }

  get version(): number {
    return this.#roster().version;
  }

  /** As a start of the authority makes it: what it knows is in the journal, in its roster and in the stores. */
  async desk(log = components.log): Promise<JoinDesk> {
    const trust = await loadSiteTrust(
      { folder: this.#folder, random: components.random },
      { clustersetDomain: DOMAIN, leafLifetimeMs: 3_600_000, cluster: parseClusterId('east'), authority: true },
    );
    const journal = await Journal.open(this.#folder.journal);
    this.#t.after(() => journal[Symbol.asyncDispose]());
    const [rootCertificate] = trust.roots;
    assert.ok(trust.rootKey !== undefined && rootCertificate !== undefined);
    const store: StoreList = [
      { name: 'old', store: this.old.reached },
      { name: 'new', store: this.new.reached },
    ];
    return new JoinDesk(
      { ...components, log, store, journal, rootKey: trust.rootKey, rootCertificate },
      {
        roster: () => this.#roster(),
        draft: new FileDraft({ path: this.#folder.rosterDraft }),
        onRoster: (_, bytes) => {
          this.#rosterBytes = bytes;
          return Promise.resolve();
        },
      },
    );
  }

  token(desk: JoinDesk, cluster: string): Promise<JoinToken> {
    const { rootFingerprint } = this.#founded;
    return desk.makeToken({ cluster: parseClusterId(cluster), store: 'memory:x', rootFingerprint, lifetimeMs: 60_000 });
  }

  async joining(token: JoinToken, link: Link): ReturnType<typeof joinHere> {
    const folder = await folderOf(this.#t);
    return joinHere(
      { ...components, folder, store: link.store },
      { token, waitMs: 10_000, signal: new AbortController().signal, onWaiting: () => undefined },
    );
  }

  /** Joins, and looks at the desk until that is done. @returns the version of the roster that names it */
  async joined(desk: JoinDesk, token: JoinToken, link: Link): Promise<number> {
    const state = { over: false };
    const joining = this.joining(token, link).finally(() => {
      state.over = true;
    });
    joining.catch(() => undefined); // the caller's to see, after the loop
    while (!state.over) {
      void desk.look();
      await components.clock.sleep(5);
    }
    return (await joining).rosterVersion;
  }

  #roster(): Roster {
    const opened = openRoster({ bytes: this.#rosterBytes, pinnedRoots: [this.#founded.root] });
    assert.ok(opened.ok);
    return opened.value;
  }
}

async function folderOf(t: TestContext): Promise<StateFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-desk-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return stateFolder(folder);
}

test('a token works at every store, the answer goes where the request is, and the roster into every store', async (t) => {
  const authority = await Authority.found(t);
  const desk = await authority.desk();
  const [west, north] = [await authority.token(desk, 'west'), await authority.token(desk, 'north')];
  assert.equal(await authority.joined(desk, west, authority.old), 2);
  assert.equal(await authority.joined(desk, north, authority.new), 3);
  for (const { store } of [authority.old, authority.new]) assert.equal((await store.roster())?.version, 3);
  assert.equal(await authority.new.store.join.answerFor(west.tokenId), undefined);
});

test('a store that hangs keeps no joiner of the other one waiting', async (t) => {
  const authority = await Authority.found(t);
  const desk = await authority.desk();
  const token = await authority.token(desk, 'west');
  authority.old.state = 'hung';
  void desk.look();
  const startedMs = performance.now();
  assert.equal(await authority.joined(desk, token, authority.new), 2);
  assert.ok(performance.now() - startedMs < 1_500, `${performance.now() - startedMs} ms`);
});

test('a store that is away is told once in the log, in however many words it fails, and again the next time', async (t) => {
  const authority = await Authority.found(t);
  const told: unknown[] = [];
  const log = { ...silentLogger, warn: (_: string, fields?: LogFields) => void told.push(fields?.['store']) };
  const desk = await authority.desk({ ...log, child: () => log });
  authority.new.state = 'down';
  for (let look = 0; look < 5; look += 1) await desk.look();
  assert.deepEqual(told, ['new']);
  authority.new.state = 'up';
  await desk.look();
  authority.new.state = 'down';
  await desk.look();
  assert.deepEqual(told, ['new', 'new']);
});

test('a token that a store could not take is offered there when it answers again', async (t) => {
  const authority = await Authority.found(t);
  const desk = await authority.desk();
  authority.new.state = 'down';
  const token = await authority.token(desk, 'west');
  await assert.rejects(authority.new.store.join.request({ tokenId: token.tokenId, bytes: new Uint8Array(1) }));
  authority.new.state = 'up';
  await desk.look();
  assert.equal(await authority.joined(desk, token, authority.new), 2);
});

test('a token that no store can take is refused to whoever asks for it', async (t) => {
  const authority = await Authority.found(t);
  const desk = await authority.desk();
  authority.old.state = authority.new.state = 'down';
  await assert.rejects(authority.token(desk, 'west'), { code: 'store-unavailable' });
});

test('a join that was begun keeps its roster version, also when its request waits in a store that tells late', async (t) => {
  const authority = await Authority.found(t);
  const dying = await authority.desk();
  const [west, north] = [await authority.token(dying, 'west'), await authority.token(dying, 'north')];
  authority.old.rosters = authority.new.rosters = 'refused';
  const begun = authority.joining(west, authority.new);
  while ((await authority.new.store.join.pending()).length === 0) await components.clock.sleep(5);
  await dying.look();
  assert.equal(authority.version, 1);
  authority.old.rosters = authority.new.rosters = 'taken';
  authority.new.state = 'slow';
  const restarted = await authority.desk();
  const later = authority.joined(restarted, north, authority.old);
  assert.equal((await begun).rosterVersion, 2);
  assert.equal(await later, 3);
});

test('a roster whose answers were lost is repeated octet for octet: no version has two rosters', async (t) => {
  const authority = await Authority.found(t);
  const desk = await authority.desk();
  const token = await authority.token(desk, 'west');
  const joining = authority.joining(token, authority.new);
  while ((await authority.new.store.join.pending()).length === 0) await components.clock.sleep(5);
  authority.old.rosters = 'lost';
  authority.new.rosters = 'refused';
  await desk.look();
  authority.old.state = 'down';
  authority.new.rosters = 'taken';
  await desk.look();
  assert.equal((await joining).rosterVersion, 2);
  const [old, fresh] = [await authority.old.store.roster(), await authority.new.store.roster()];
  assert.equal(old?.version, 2);
  assert.deepEqual(Buffer.from(old.bytes), Buffer.from(fresh?.bytes ?? []));
});

test('a roster whose answers were lost with the authority itself is published by its next run as it was', async (t) => {
  const authority = await Authority.found(t);
  const dying = await authority.desk();
  const [west, north] = [await authority.token(dying, 'west'), await authority.token(dying, 'north')];
  const joining = authority.joining(west, authority.new);
  while ((await authority.new.store.join.pending()).length === 0) await components.clock.sleep(5);
  authority.old.rosters = 'lost';
  authority.new.rosters = 'refused';
  await dying.look();
  assert.equal(authority.version, 1);
  authority.old.state = 'down';
  authority.new.rosters = 'taken';
  const restarted = await authority.desk();
  await restarted.look();
  assert.equal((await joining).rosterVersion, 2);
  const [old, fresh] = [await authority.old.store.roster(), await authority.new.store.roster()];
  assert.deepEqual([old?.version, fresh?.version], [2, 2]);
  assert.deepEqual(Buffer.from(old?.bytes ?? []), Buffer.from(fresh?.bytes ?? []));
  authority.old.state = 'up';
  authority.old.rosters = 'taken';
  assert.equal(await authority.joined(restarted, north, authority.new), 3);
});
