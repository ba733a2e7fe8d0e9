import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { checkHistory, formatChecked, violationsOf } from './check.ts';
import { loadHistory, Recorder, recordHashes, saveHistory } from './recorder.ts';

test('a history is read back from its file as it was written', async () => {
  const clock = new ManualClock();
  const recorder = new Recorder({ clock });
  recorder.record({ kind: 'requests', caller: 'load', ok: 3, failed: 1, detail: '503' });
  await clock.advance(250);
  recorder.record({ kind: 'healed' });
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-history-'));
  try {
    await saveHistory(join(folder, 'run.jsonl'), recorder.history);
    assert.deepEqual(await loadHistory(join(folder, 'run.jsonl')), recorder.history);
  } finally {
    await rm(folder, { recursive: true });
  }
  assert.deepEqual(
    recorder.history.map(({ atMs }) => atMs),
    [0, 250],
  );
});

test('a violation is told with its invariant, its time and its detail, and what was not observed is never called held', () => {
  const recorder = new Recorder({ clock: new ManualClock() });
  recorder.record({ kind: 'requests', caller: 'load', ok: 3, failed: 1, detail: '503' });
  const checked = checkHistory(recorder.history);
  assert.deepEqual(violationsOf(checked), ['I1 at 0 ms: 1 requests of load failed: 503']);
  const lines = formatChecked(checked).trimEnd().split('\n');
  assert.equal(lines.filter((line) => line.includes('not observed')).length, 9);
  assert.equal(lines.filter((line) => line.includes('held')).length, 0);
});

test('record sets of one content have one form, whatever the order of their keys', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const one = recordHashes(
    new Map([
      ['a', bytes('1')],
      ['b', bytes('2')],
    ]),
  );
  const other = recordHashes(
    new Map([
      ['b', bytes('2')],
      ['a', bytes('1')],
    ]),
  );
  assert.deepEqual(one, other);
});
