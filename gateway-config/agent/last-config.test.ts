import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { AttachResponseSchema } from '../../protos/gen/isthmus/agent/v1/agent_pb.ts';
import { silentLogger } from '../../runtime/log.ts';
import { resourcesOf, type Snapshot, TYPE_ORDER } from '../snapshot.ts';
import { edsCluster, endpoints, route, snapshotOf } from './envoy-resources.fixture.ts';
import { decodeLastConfig, encodeLastConfig, type LastConfig, loadLastConfig, saveLastConfig } from './last-config.ts';
import { makeFolder } from './site.fixture.ts';

function config(...ports: readonly number[]): LastConfig {
  const attached = create(AttachResponseSchema, { cluster: 'east', voidToken: 't'.repeat(32), network: 'n' });
  return { attached, snapshot: snapshotOf(edsCluster('a'), endpoints('a', ...ports), route('r', 200)) };
}

function contents(snapshot: Snapshot): unknown {
  return TYPE_ORDER.map((type) =>
    [...resourcesOf(snapshot, type).values()].map(({ name, version, encoded }) => [
      name,
      version,
      Buffer.from(encoded).toString('hex'),
    ]),
  );
}

test('what is saved is loaded, in a file for its own user', async () => {
  await using folder = await makeFolder();
  const path = join(folder.path, 'kept', 'last-config');
  const saved = config(1, 2);
  await saveLastConfig(path, saved);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const loaded = await loadLastConfig(path, silentLogger);
  assert.ok(loaded !== undefined);
  assert.deepEqual(loaded.attached, saved.attached);
  assert.deepEqual(contents(loaded.snapshot), contents(saved.snapshot));
});

test('a corrupt file falls back to the generation before, and to nothing when both are corrupt', async () => {
  await using folder = await makeFolder();
  const path = join(folder.path, 'last-config');
  await saveLastConfig(path, config(1));
  await saveLastConfig(path, config(2));
  await writeFile(path, (await readFile(path)).subarray(0, -3));
  const previous = await loadLastConfig(path, silentLogger);
  assert.deepEqual(previous === undefined ? [] : contents(previous.snapshot), contents(config(1).snapshot));
  await writeFile(`${path}.previous`, 'garbage');
  assert.equal(await loadLastConfig(path, silentLogger), undefined);
});

test('a crash between the two renames leaves the generation before', async () => {
  await using folder = await makeFolder();
  const path = join(folder.path, 'last-config');
  await saveLastConfig(`${path}.previous`, config(1));
  assert.ok((await loadLastConfig(path, silentLogger)) !== undefined);
});

test('nothing is loaded where nothing was saved', async () => {
  await using folder = await makeFolder();
  assert.equal(await loadLastConfig(join(folder.path, 'last-config'), silentLogger), undefined);
});

test('no changed octet goes unnoticed', () => {
  const bytes = encodeLastConfig(config(1, 2, 3));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ flip;
      let read: LastConfig | undefined;
      try {
        read = decodeLastConfig(damaged);
      } catch {
        return; // noticed
      }
      // A blank for a blank in the header line changes nothing that is said.
      assert.deepEqual(
        [read.attached, contents(read.snapshot)],
        [config().attached, contents(config(1, 2, 3).snapshot)],
      );
    }),
    { numRuns: 500 },
  );
});
