import assert from 'node:assert/strict';
import { appendFile, chmod, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SystemRandom } from '../runtime/random.ts';
import { Journal, JournalError } from './journal.ts';
import { ExposedFileError } from './private-file.ts';
import { Secret } from './secret.ts';
import { NOW_MS, WEST } from './clusterset.fixture.ts';
import type { JournalEntry } from './token-ledger.ts';
import { foldEntries } from './token-ledger.ts';

const base = await mkdtemp(join(tmpdir(), 'isthmus-journal-'));
after(() => rm(base, { recursive: true, force: true }));
const random = new SystemRandom();
let files = 0;

function newPath(): string {
  return join(base, `case-${files++}`, 'tokens.jsonl');
}

function issued(tokenId: string): JournalEntry {
  return { kind: 'token-issued', tokenId, cluster: WEST, secret: new Secret(random.bytes(32)), expiresAtMs: NOW_MS };
}

function redeemed(tokenId: string, keyName = 'c'.repeat(64)): JournalEntry {
  return { kind: 'token-redeemed', tokenId, keyName, rosterVersion: 2, atMs: NOW_MS };
}

const A = 'a'.repeat(32);
const B = 'b'.repeat(32);

test('what was appended is there after the next start, secrets included', async () => {
  const path = newPath();
  const first = issued(A);
  {
    await using journal = await Journal.open(path);
    await journal.append(first);
    await journal.append(issued(B));
    await journal.append(redeemed(A));
  }
  await using journal = await Journal.open(path);
  assert.deepEqual([...journal.tokens.keys()], [A, B]);
  assert.deepEqual(journal.tokens.get(A)?.redemption, { keyName: 'c'.repeat(64), rosterVersion: 2 });
  assert.equal(journal.tokens.get(B)?.redemption, undefined);
  assert.ok(first.kind === 'token-issued');
  assert.deepEqual(journal.tokens.get(A)?.secret.reveal(), first.secret.reveal());
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('a torn last line is cut off, wherever the crash tore it, and appending goes on', async () => {
  const path = newPath();
  {
    await using journal = await Journal.open(path);
    await journal.append(issued(A));
    await journal.append(issued(B));
  }
  const whole = await readFile(path);
  const firstLine = whole.indexOf('\n') + 1;
  for (const length of [firstLine + 1, firstLine + 40, whole.length - 1]) {
    await writeFile(path, whole);
    await truncate(path, length);
    {
      await using journal = await Journal.open(path);
      assert.deepEqual([...journal.tokens.keys()], [A]);
      assert.equal(journal.tornBytes, length - firstLine);
      await journal.append(redeemed(A));
    }
    await using again = await Journal.open(path);
    assert.equal(again.tornBytes, 0);
    assert.equal(again.tokens.get(A)?.redemption?.rosterVersion, 2);
  }
});

test('a last line of zeros, as a power cut can leave, is cut off too', async () => {
  const path = newPath();
  {
    await using journal = await Journal.open(path);
    await journal.append(issued(A));
  }
  await appendFile(path, '\0'.repeat(100));
  await using journal = await Journal.open(path);
  assert.deepEqual([...journal.tokens.keys()], [A]);
  assert.equal(journal.tornBytes, 100);
});

test('damage before the last line stops the authority, because a redemption could be forgotten', async () => {
  const path = newPath();
  {
    await using journal = await Journal.open(path);
    await journal.append(issued(A));
    await journal.append(redeemed(A));
    await journal.append(issued(B));
  }
  const lines = (await readFile(path, 'utf8')).split('\n');
  for (const damaged of ['', '{}', 'x', lines[1]?.replace('token-redeemed', 'token-forgotten')]) {
    await writeFile(path, [lines[0], damaged, lines[2], ''].join('\n'));
    await assert.rejects(
      Journal.open(path),
      (error) => error instanceof JournalError && error.message.startsWith('line 2 '),
    );
  }
});

test('appends at the same time are written one after the other', async () => {
  const path = newPath();
  const ids = Array.from({ length: 20 }, (_, index) => index.toString(16).padStart(32, '0'));
  {
    await using journal = await Journal.open(path);
    await Promise.all(ids.map((id) => journal.append(issued(id))));
  }
  await using journal = await Journal.open(path);
  assert.deepEqual([...journal.tokens.keys()], ids);
});

test('a journal that others may read is refused, since it has secrets', async () => {
  const path = newPath();
  await (await Journal.open(path))[Symbol.asyncDispose]();
  await chmod(path, 0o644);
  await assert.rejects(Journal.open(path), ExposedFileError);
});

test('the first redemption of a token stands, and one of an unknown token means nothing', () => {
  const ledger = foldEntries([issued(A), redeemed(A, 'c'.repeat(64)), redeemed(A, 'd'.repeat(64)), redeemed(B)]);
  assert.equal(ledger.get(A)?.redemption?.keyName, 'c'.repeat(64));
  assert.equal(ledger.has(B), false);
});
