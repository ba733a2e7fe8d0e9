import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { commitOf, EAST, readPlain, text } from '../conformance/rig.fixture.ts';
import { StoreFileError } from '../contract.ts';
import { EmbeddedStore } from '../embedded.ts';
import { testComponents } from '../remote/server.fixture.ts';

describe('the file of an embedded store', { timeout: 60_000 }, () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isthmus-file-'));
    path = join(folder, 'deep', 'store.db');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const openStore = (at = path): Promise<EmbeddedStore> => EmbeddedStore.open(testComponents(), { path: at });

  it('is readable by its owner alone, in a folder that it makes for itself', async () => {
    await using store = await openStore();
    await store.commit(commitOf(EAST, {}, { a: '1' }));
    assert.equal((await stat(join(folder, 'deep'))).mode & 0o777, 0o700);
    for (const suffix of ['', '-wal', '-shm', '.notice']) {
      assert.equal((await stat(`${path}${suffix}`)).mode & 0o077, 0, suffix);
    }
  });

  it('is closed to others when it was open, and refused where others may write', async () => {
    await (await openStore())[Symbol.asyncDispose]();
    await chmod(path, 0o644);
    await (await openStore())[Symbol.asyncDispose]();
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await chmod(join(folder, 'deep'), 0o770);
    await assert.rejects(openStore(), (error) => error instanceof StoreFileError && /mode 0700/.test(error.hint ?? ''));
  });

  it('keeps what was committed from one process to the next', async () => {
    {
      await using store = await openStore();
      await store.commit(commitOf(EAST, { version: 4 }, { a: '1' }));
      await store.putRoster({ version: 3, bytes: text('roster') });
      await store.lease.acquire('east/leader', 'a', 60_000);
    }
    await using store = await openStore();
    assert.deepEqual(await readPlain(store, EAST), { a: '1' });
    assert.equal((await store.roster())?.version, 3);
    assert.equal((await store.lease.acquire('east/leader', 'b', 60_000)).holder, 'a');
  });

  it('may be created by many at once', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => openStore()));
    await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()));
  });

  it('is left as it is when it is no database', async () => {
    await mkdir(join(folder, 'deep'));
    const content = 'not a database, '.repeat(1_000);
    await writeFile(path, content);
    await assert.rejects(openStore(), isFileError(/damaged or no database/, /move the file away/));
    assert.equal(await readFile(path, 'utf8'), content);
  });

  it('is left as it is when it is a database of something else, even without tables of its own', async () => {
    await mkdir(join(folder, 'deep'));
    for (const sql of ['CREATE TABLE theirs (a)', 'PRAGMA application_id = 7']) {
      const theirs = new DatabaseSync(path);
      theirs.exec(sql);
      theirs.close();
      const before = await readFile(path);
      await assert.rejects(openStore(), isFileError(/something else/, /another path/));
      assert.deepEqual(await readFile(path), before);
      await rm(path);
    }
  });

  it('is left as it is when a newer release wrote it', async () => {
    await (await openStore())[Symbol.asyncDispose]();
    const newer = new DatabaseSync(path);
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    await assert.rejects(openStore(), isFileError(/version 99/, /upgrade/));
  });

  it('that is damaged inside is an error with what to do, not a crash and not an empty store', async () => {
    {
      await using store = await openStore();
      const puts = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`r${index}`, 'x'.repeat(3_000)]));
      await store.commit(commitOf(EAST, {}, puts));
    }
    const { size } = await stat(path);
    const file = await open(path, 'r+');
    for (let offset = 16 * 4_096; offset < size; offset += 4_096)
      await file.write(Buffer.alloc(2_000, 0xff), 0, 2_000, offset);
    await file.close();
    await using store = await openStore();
    await assert.rejects(store.read(EAST), isFileError(/damaged/, /move the file away/));
    await assert.rejects(store.read(EAST), StoreFileError);
  });

  it('that cannot be reached is named in the error', async () => {
    await writeFile(join(folder, 'file'), '');
    await assert.rejects(openStore(join(folder, 'file', 'store.db')), (error) => {
      assert.ok(error instanceof Error && 'code' in error && error.code === 'store-unavailable');
      assert.match(error.message, new RegExp(folder));
      return true;
    });
  });
});

function isFileError(message: RegExp, hint: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StoreFileError, String(error));
    assert.match(error.message, message);
    assert.match(error.hint ?? '', hint);
    return true;
  };
}
