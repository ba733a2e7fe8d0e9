import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { InvalidInputError } from '../../runtime/errors.ts';
import { commitOf, EAST, readPlain } from './conformance/rig.fixture.ts';
import { StoreRefusedError } from './contract.ts';
import { openStore } from './open.ts';
import { testComponents } from './remote/server.fixture.ts';

describe('opening a store by its address', () => {
  it('gives the same in-memory store for the same name', async () => {
    await using first = await openStore('memory:one', testComponents());
    await using same = await openStore('memory:one', testComponents());
    await using other = await openStore('memory:two', testComponents());
    await first.commit(commitOf(EAST, {}, { a: '1' }));
    assert.deepEqual(await readPlain(same, EAST), { a: '1' });
    assert.equal(await readPlain(other, EAST), undefined);
  });

  it('opens an embedded store at a path', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'isthmus-open-'));
    for (const expected of [undefined, { a: '1' }]) {
      await using store = await openStore(`embedded:${join(folder, 'store.db')}`, testComponents());
      assert.deepEqual(await readPlain(store, EAST), expected);
      await store.commit(commitOf(EAST, {}, { a: '1' })).catch(() => undefined);
    }
    await rm(folder, { recursive: true });
  });

  it('names the schemes that there are when it does not know one', async () => {
    for (const url of ['', 'rediss+x://h', 'store.db', '/var/store.db', 'toString:x', 'Embedded:/x', 'embedded:']) {
      await assert.rejects(openStore(url, testComponents()), (error) => {
        assert.ok(error instanceof InvalidInputError, url);
        assert.match(error.findings[0]?.hint ?? '', /embedded:PATH.*memory:NAME.*isthmus:\/\/.*redis:\/\//);
        return true;
      });
    }
  });

  it('checks the address of a Redis store, and asks for a clusterset, before it dials', async () => {
    for (const url of ['redis://', 'redis://h:0', 'valkeys+sentinel://h', 'redis+cluster://h/1', 'rediss://h?ca=']) {
      await assert.rejects(openStore(url, { ...testComponents(), clusterset: 'a.example' }), InvalidInputError, url);
    }
    await assert.rejects(openStore('redis://h', testComponents()), InvalidInputError);
    await assert.rejects(openStore('redis://h', { ...testComponents(), clusterset: 'no{name' }), InvalidInputError);
    await using store = await openStore('valkey://h.example', { ...testComponents(), clusterset: 'a.example' });
    assert.equal(store.constructor.name, 'RedisStore');
  });

  it('checks the address of a store server, and asks for an identity, before it dials', async () => {
    await assert.rejects(openStore('isthmus://store:1', testComponents()), InvalidInputError);
    const url = `isthmus://store:1?pin=sha256:${'a1'.repeat(32)}`;
    await assert.rejects(openStore(url, testComponents()), StoreRefusedError);
  });
});
