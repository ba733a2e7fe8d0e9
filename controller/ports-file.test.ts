import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ServicePortKey } from '../federation/model/ids.ts';
import { silentLogger } from '../runtime/log.ts';
import { loadPorts, PortsFile } from './ports-file.ts';

async function pathOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-ports-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'ports.json');
}

/** Keys of the form that `servicePortKey` makes. */
const table = (port: number) => new Map([['default/web:80' as ServicePortKey, port]]);

test('what was saved last is loaded, however many saves came in between', async (t) => {
  const path = await pathOf(t);
  const file = new PortsFile({ log: silentLogger }, { path });
  for (let port = 20_000; port < 20_050; port++) file.save(table(port));
  await file.close();
  assert.deepEqual(await loadPorts(path), { ports: table(20_049), findings: [] });
});

test('a save that comes when a write just ended is written too', async (t) => {
  const path = await pathOf(t);
  const file = new PortsFile({ log: silentLogger }, { path });
  for (let round = 0; round < 20; round++) {
    file.save(table(20_000 + round));
    await file.close();
    file.save(table(21_000 + round));
    await file.close();
    assert.equal((await loadPorts(path)).ports.get('default/web:80' as ServicePortKey), 21_000 + round);
  }
});

test('no file is a new site', async (t) => {
  assert.deepEqual(await loadPorts(await pathOf(t)), { ports: new Map(), findings: [] });
});

test('a damaged file costs the numbers but not the start, and is kept for whoever wants to mend it', async (t) => {
  const path = await pathOf(t);
  await writeFile(path, '{"default/web:80": 20');
  const { ports, findings } = await loadPorts(path);
  assert.deepEqual([ports.size, findings.map(({ reason }) => reason)], [0, ['PortsLost']]);
  assert.deepEqual(await readdir(join(path, '..')), ['ports.json.damaged']);
  assert.equal(await readFile(`${path}.damaged`, 'utf8'), '{"default/web:80": 20');
});
