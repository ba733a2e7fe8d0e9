import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { JoinDesk } from '../../../controller/join-desk.ts';
import { RosterDraft } from '../../../controller/roster-draft.ts';
import type { KeepState } from '../../../controller/keep/waiting.ts';
import { loadSiteTrust } from '../../../controller/site-trust.ts';
import { stateFolder } from '../../../controller/state-folder.ts';
import { MemoryShelf, MemoryStore } from '../../../federation/store/memory.ts';
import { KeptObject } from '../../../kubernetes/keep/kept-object.ts';
import { SecretDraft, RosterSignedElsewhereError } from '../../../kubernetes/keep/secret-draft.ts';
import { SecretJournal, TokenUsedElsewhereError } from '../../../kubernetes/keep/secret-journal.ts';
import { SecretKeyStore } from '../../../kubernetes/keep/secret-key-store.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { fingerprint } from '../../../trust/certificates.ts';
import { keyStoreConformance } from '../../../trust/key-store.conformance.ts';
import { openRoster } from '../../../trust/roster.ts';
import { Secret } from '../../../trust/secret.ts';
import type { JournalEntry } from '../../../trust/token-ledger.ts';
import { type KubeServer, startKubeServer } from '../server.ts';
import { clock, DOMAIN, EAST, KubeSite, random, until, WEST } from './keep.fixture.ts';

/** Joining by a token in a Secret, and the authority's memory in another, on a real API server. */
let server: KubeServer;
let stores = 0;
before(async () => {
  server = await startKubeServer({ name: 'join' });
});
after(() => server[Symbol.asyncDispose]());

keyStoreConformance('Secret', async () => {
  const object = { kind: 'Secret', namespace: 'default', name: `keys-${stores++}` } as const;
  return new SecretKeyStore({ secret: new KeptObject({ transport: server.admin }, object) });
});

function journalSecret(site: KubeSite): KeptObject {
  const object = { kind: 'Secret', namespace: site.namespace, name: 'isthmus-journal' } as const;
  return new KeptObject({ transport: server.admin }, object);
}

const T = 'a'.repeat(32);
const issued = (): JournalEntry => {
  return { kind: 'token-issued', tokenId: T, cluster: WEST, secret: new Secret(random.bytes(32)), expiresAtMs: 1 };
};
const redeemed = (keyName: string): JournalEntry => {
  return { kind: 'token-redeemed', tokenId: T, keyName: keyName.repeat(64), rosterVersion: 2, atMs: 1 };
};

test('of two leaders that redeem one token at once the second is refused, and then knows who used it', async (t) => {
  const site = await KubeSite.make(t, server);
  const first = await SecretJournal.open({ secret: journalSecret(site), clock });
  await first.append(issued());
  const second = await SecretJournal.open({ secret: journalSecret(site), clock });
  await first.append(redeemed('b'));
  await first.append(redeemed('b'));
  await assert.rejects(second.append(redeemed('c')), TokenUsedElsewhereError);
  assert.equal(second.tokens.get(T)?.redemption?.keyName, 'b'.repeat(64));
  const later = await SecretJournal.open({ secret: journalSecret(site), clock });
  assert.equal(later.tokens.get(T)?.redemption?.keyName, 'b'.repeat(64));
});

test('of two rosters of one version only the first is kept', async (t) => {
  const site = await KubeSite.make(t, server);
  const [first, second] = [1, 2].map(() => new SecretDraft({ secret: journalSecret(site) }));
  assert.ok(first !== undefined && second !== undefined);
  await first.keep({ version: 2, bytes: Buffer.from('one') });
  await first.keep({ version: 2, bytes: Buffer.from('one') });
  await assert.rejects(second.keep({ version: 2, bytes: Buffer.from('other') }), RosterSignedElsewhereError);
  assert.deepEqual((await second.read()).map(String), [String(new Uint8Array(Buffer.from('one')))]);
});

/** East in Kubernetes is the authority, over one store that both reach. */
async function authority(t: TestContext) {
  const site = await KubeSite.make(t, server);
  const dir = await site.disk();
  const { memory } = await site.open(dir);
  const trust = await loadSiteTrust(
    { folder: stateFolder(dir, 'pod-a'), random },
    { cluster: EAST, clustersetDomain: DOMAIN, leafLifetimeMs: 3_600_000, authority: true },
  );
  const shelf = new MemoryShelf();
  const store = new MemoryStore({ clock }, { shelf });
  const current = { bytes: trust.rosterBytes };
  await store.putRoster({ version: 1, bytes: current.bytes });
  const [root] = trust.roots;
  const { rootKey } = trust;
  assert.ok(root !== undefined && rootKey !== undefined);
  const roster = () => {
    const opened = openRoster({ bytes: current.bytes, pinnedRoots: trust.roots });
    assert.ok(opened.ok);
    return opened.value;
  };
  const desk = new JoinDesk(
    { clock, random, log: silentLogger, store, journal: await memory.openJournal(), rootKey, rootCertificate: root },
    {
      roster,
      draft: memory.draft,
      onRoster: (_, bytes) => {
        current.bytes = bytes;
        return Promise.resolve();
      },
    },
  );
  const order = { cluster: WEST, store: 'memory:x', rootFingerprint: fingerprint(root) };
  return { desk, roster, root, memory, order, openStore: () => new MemoryStore({ clock }, { shelf }) };
}

test('two pods of a cluster without identity wait for a token, one of them joins, both have it, and the token is gone', async (t) => {
  const east = await authority(t);
  const site = await KubeSite.make(t, server);
  const states: KeepState[] = [];
  const disks = [await site.disk(), await site.disk()] as const;
  const openJoinStore = () => Promise.resolve(east.openStore());
  const pods = disks.map((dir, index) =>
    site.open(
      dir,
      { replica: `pod-${index}`, cluster: WEST, authority: false, onState: (state) => states.push(state) },
      { openJoinStore },
    ),
  );
  const said = (reason: string) => states.some((state) => state.kind === 'waiting' && state.reason === reason);
  await until(() => said('NoJoinToken'), 'waiting for a token');
  await site.putSecret('isthmus-join-token', { token: 'isthmus1.nonsense' });
  await until(() => said('JoinTokenInvalid'), 'the bad token was said');
  const token = (await east.desk.makeToken(east.order)).reveal();
  await site.putSecret('isthmus-join-token', { token });
  await until(async () => {
    await east.desk.look();
    return (await site.secret('isthmus-join-token')) === undefined;
  }, 'the token is used');
  await Promise.all(pods);
  assert.equal(east.roster().version, 2);
  for (const [index, dir] of disks.entries()) {
    const trust = await loadSiteTrust(
      { folder: stateFolder(dir, `pod-${index}`), random },
      { cluster: WEST, clustersetDomain: DOMAIN, leafLifetimeMs: 3_600_000, authority: false },
    );
    assert.equal(trust.roster.members.find(({ cluster }) => cluster === WEST)?.incarnation, 1);
  }
  const entries = Object.keys((await site.secret('isthmus-keys')) ?? {}).sort();
  assert.deepEqual(entries, ['cluster-ca.crt', 'cluster-ca.pem', 'root.crt', 'roster.json.gz', 'store', 'void-token']);
  assert.ok(!site.logged.join('').includes(token));
  const draft = await new RosterDraft({ kept: east.memory.draft, root: east.root }).newest();
  assert.equal(draft?.roster.version, 2);
});

test('a token that the authority refuses is said to be refused, and a good one after it is taken', async (t) => {
  const east = await authority(t);
  const site = await KubeSite.make(t, server);
  const states: KeepState[] = [];
  const used = await east.desk.makeToken(east.order);
  const openJoinStore = () => Promise.resolve(east.openStore());
  const init = { cluster: WEST, authority: false };
  const text = { token: used.reveal() };
  await site.putSecret('isthmus-join-token', text);
  const first = site.open(await site.disk(), init, { openJoinStore });
  const isJoined = async () => (await site.secret('isthmus-join-token')) === undefined;
  await until(async () => {
    await east.desk.look();
    return await isJoined();
  }, 'the first join');
  await first;
  const other = await KubeSite.make(t, server);
  await other.putSecret('isthmus-join-token', text);
  const onState = (state: KeepState) => states.push(state);
  const second = other.open(await other.disk(), { ...init, onState }, { openJoinStore });
  await until(async () => {
    await east.desk.look();
    return states.some((state) => state.kind === 'waiting' && state.reason === 'JoinRefused');
  }, 'the refusal');
  await other.putSecret('isthmus-join-token', { token: (await east.desk.makeToken(east.order)).reveal() });
  await until(async () => {
    await east.desk.look();
    return (await other.secret('isthmus-join-token')) === undefined;
  }, 'the second join');
  await second;
  assert.equal(east.roster().members.find(({ cluster }) => cluster === WEST)?.incarnation, 2);
});
