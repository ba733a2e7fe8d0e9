import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { EAST, text, WEST } from '../conformance/rig.fixture.ts';
import { StoreFileError, StoreRefusedError } from '../contract.ts';
import { openStore } from '../open.ts';
import type { ServedStore } from '../serve.ts';
import { serveStore } from '../serve.ts';
import { parseStoreAddress } from './address.ts';
import { RemoteStore } from './client.ts';
import { claimFor, TestClusterset, testComponents } from './server.fixture.ts';

const refused = (error: unknown): boolean => error instanceof StoreRefusedError;

describe('claiming a store server', { timeout: 60_000 }, () => {
  const clusterset = new TestClusterset();
  const owned = new AsyncDisposableStack();
  let stateDir: string;
  let served: ServedStore;

  const serve = async (): Promise<ServedStore> => {
    const listen = { address: '127.0.0.1', port: 0 };
    const server = await serveStore({ stateDir, listen, advertise: { host: 'localhost' } }, testComponents());
    owned.defer(() => server.close());
    return server;
  };
  const clientAt = (link: string, cluster = EAST): RemoteStore => {
    const init = { address: parseStoreAddress(link), identity: clusterset.identity(cluster) };
    return owned.use(new RemoteStore(testComponents(), init));
  };
  const claimantAt = (link: string): RemoteStore => {
    const init = { address: parseStoreAddress(link), identity: { kind: 'claimant' } as const };
    return owned.use(new RemoteStore(testComponents(), init));
  };

  before(() => owned.defer(() => rm(stateDir, { recursive: true, force: true })));
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'isthmus-claim-'));
    const folder = stateDir;
    owned.defer(() => rm(folder, { recursive: true, force: true }));
    served = await serve();
  });
  after(() => owned.disposeAsync());

  it('is what makes its members known: nobody can log in before', async () => {
    await assert.rejects(clientAt(served.link).heads(), refused);
    await claimFor(clusterset, served.link);
    await clientAt(served.link).heads();
    await clientAt(served.link, WEST).heads();
  });

  it('takes the secret of this server, and an address that has one', async () => {
    const { claim: _claim, ...withoutClaim } = parseStoreAddress(served.link);
    for (const address of [withoutClaim, { ...withoutClaim, claim: 'x'.repeat(43) }]) {
      const init = { address, identity: { kind: 'claimant' } as const };
      const stranger = owned.use(new RemoteStore(testComponents(), init));
      const roster = { version: 1, bytes: clusterset.roster(1) };
      await assert.rejects(stranger.claim({ cluster: EAST, root: clusterset.root, roster }), refused);
    }
  });

  it('happens once: the same again is fine, another root or authority is refused', async () => {
    for (let attempt = 0; attempt < 2; attempt += 1) await claimFor(clusterset, served.link);
    await assert.rejects(claimFor(new TestClusterset(), served.link), refused);
    const roster = { version: 1, bytes: clusterset.roster(1) };
    const claimant = claimantAt(served.link);
    await assert.rejects(claimant.claim({ cluster: WEST, root: clusterset.root, roster }), refused);
    await clientAt(served.link).heads();
  });

  it('needs a roster that the root signed and that has the authority as a member', async () => {
    const claimant = claimantAt(served.link);
    const { root } = clusterset;
    const foreign = new TestClusterset().roster(1);
    await assert.rejects(claimant.claim({ cluster: EAST, root, roster: { version: 1, bytes: foreign } }), refused);
    await assert.rejects(claimant.claim({ cluster: EAST, root, roster: { version: 1, bytes: text('x') } }), refused);
    const removed = clusterset.roster(1, (member) => ({ ...member, status: 'removed' }));
    await assert.rejects(claimant.claim({ cluster: EAST, root, roster: { version: 1, bytes: removed } }), refused);
    await claimFor(clusterset, served.link);
  });

  it('opens nothing but the claim', async () => {
    await claimFor(clusterset, served.link);
    const claimant = claimantAt(served.link);
    for (const call of [() => claimant.heads(), () => claimant.roster(), () => claimant.join.pending()]) {
      await assert.rejects(call, refused);
    }
  });

  it('survives a restart: same key, no claim in the link any more, members known', async () => {
    await claimFor(clusterset, served.link);
    await served.close();
    const again = await serve();
    assert.deepEqual(parseStoreAddress(again.link).pins, parseStoreAddress(served.link).pins);
    assert.equal(parseStoreAddress(again.link).claim, undefined);
    assert.notEqual(parseStoreAddress(served.link).claim, undefined);
    await clientAt(again.link).heads();
  });

  it('is noticed by a server whose roster is written past it, into its file', async () => {
    await claimFor(clusterset, served.link);
    const west = clientAt(served.link, WEST);
    await west.heads();
    await using local = await openStore(served.localUrl, testComponents());
    const removed = clusterset.roster(2, (member) =>
      member.cluster === WEST ? { ...member, status: 'removed' } : member,
    );
    await local.putRoster({ version: 2, bytes: removed });
    for (;;) {
      const outcome: unknown = await west.heads().catch((error: unknown) => error);
      if (outcome instanceof StoreRefusedError) break;
    }
  });

  it('is never forgotten silently: a damaged claim file stops the server with what to do', async () => {
    await claimFor(clusterset, served.link);
    await served.close();
    await writeFile(join(stateDir, 'store-server', 'claim.json'), '{"cluster":"east"');
    await assert.rejects(serve(), (error) => error instanceof StoreFileError && /claim/.test(error.hint ?? ''));
  });
});
