/**
 * Golden cases: `testdata/CASE/in.yaml` compiled to `testdata/CASE/out/*.yaml`, and every result taken over by a real
 * Envoy. `UPDATE_GOLDENS=1` rewrites the results and removes stale ones.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { parse, stringify } from 'yaml';
import { refusals } from '../tests/envoy/accepted.ts';
import { makeTrust } from '../tests/envoy/certificates.ts';
import { FileGateway } from '../tests/envoy/file-gateway.ts';
import { isObject } from '../tests/envoy/file-xds.ts';
import { waitFor } from '../tests/envoy/wait.ts';
import { compile } from './compile.ts';
import { dumpSnapshot } from './dump.ts';
import { VoidToken } from './ir.ts';
import { toSnapshot } from './resources/resources.ts';
import type { Snapshot, TypeUrl } from './snapshot.ts';
import { TYPE_URL } from './snapshot.ts';
import type { Scenario } from './testing/scenario.fixture.ts';
import { compileInputOf, TEST_DOMAIN, TEST_GATEWAY_SET } from './testing/scenario.fixture.ts';

const TESTDATA = join(import.meta.dirname, 'testdata');
const IS_UPDATE = process.env['UPDATE_GOLDENS'] === '1';
const TOKEN = new VoidToken('token-of-the-golden-tests');
/** Written by hand, read as such: a wrong field shows in the golden. */
const ANCHORS = parse(readFileSync(join(TESTDATA, 'anchors.yaml'), 'utf8')) as Record<string, string[]>;
const trust = makeTrust(['a'], TEST_DOMAIN, TEST_GATEWAY_SET);

const cases = readdirSync(TESTDATA, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

function snapshotOf(name: string): Snapshot {
  const scenario = parse(readFileSync(join(TESTDATA, name, 'in.yaml'), 'utf8')) as Scenario;
  return toSnapshot(compile(compileInputOf(scenario, { domain: TEST_DOMAIN, anchors: ANCHORS, voidToken: TOKEN })));
}

function render(snapshot: Snapshot): ReadonlyMap<string, string> {
  const sections = Object.entries(dumpSnapshot(snapshot)).filter(([, items]) => items.length > 0);
  return new Map(
    sections.map(([section, items]) => [
      `${section}.yaml`,
      stringify(items, { lineWidth: 0, aliasDuplicateObjects: false }),
    ]),
  );
}

function readGolden(name: string): ReadonlyMap<string, string> {
  const folder = join(TESTDATA, name, 'out');
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return new Map(files.sort().map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

function writeGolden(name: string, files: ReadonlyMap<string, string>): void {
  const folder = join(TESTDATA, name, 'out');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of files) writeFileSync(join(folder, file), text);
}

/** Says the first line that differs: a whole golden would bury it. */
function assertSameFiles(found: ReadonlyMap<string, string>, golden: ReadonlyMap<string, string>): void {
  assert.deepEqual([...found.keys()], [...golden.keys()], 'other files than before; UPDATE_GOLDENS=1 takes them over');
  for (const [file, text] of found) {
    const [now, then] = [text.split('\n'), (golden.get(file) ?? '').split('\n')];
    const line = now.findIndex((content, index) => content !== then[index]);
    const at = line < 0 ? Math.min(now.length, then.length) : line;
    assert.equal(now[at], then[at], `${file}, line ${at + 1}, differs; UPDATE_GOLDENS=1 takes it over`);
  }
}

/** Nothing is bound and nothing outside this machine is dialled: 192.0.2.10 becomes 127.0.2.10. */
function tame(resource: JsonObject, type: TypeUrl): JsonObject {
  const near = loopback(resource);
  if (!isObject(near)) throw new TypeError('a resource is an object');
  return type === TYPE_URL.listener ? { ...near, bind_to_port: false } : near;
}

function loopback(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(loopback);
  if (!isObject(value)) return value;
  const { address } = value;
  if (typeof address === 'string' && value['port_value'] !== undefined) {
    return { ...value, address: address.includes(':') ? '::1' : address.replace(/^\d+(?=\.\d+\.\d+\.\d+$)/, '127') };
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, loopback(item)]));
}

async function startEnvoy(snapshot: Snapshot, edit = tame): Promise<FileGateway> {
  const leaf = trust.clusters['a']?.gateway ?? assert.fail('there is no certificate for a');
  return FileGateway.start({ cluster: 'a', leaf, voidToken: TOKEN, snapshot, edit });
}

async function assertAccepted(snapshot: Snapshot): Promise<void> {
  await using gateway = await startEnvoy(snapshot);
  // Live says that clusters and listeners are there; route tables follow within milliseconds.
  await waitFor('everything is in use', async () => (await refusals(gateway, snapshot)).length === 0, 5_000).catch(
    async () => assert.deepEqual(await refusals(gateway, snapshot), [], gateway.log()),
  );
}

describe('golden cases', { concurrency: 2 }, () => {
  test('there are at least twelve', () => {
    assert.ok(cases.length >= 12, `only ${cases.length}`);
  });

  for (const name of cases) {
    test(`${name} compiles to its golden files, which Envoy accepts`, async () => {
      const snapshot = snapshotOf(name);
      const files = render(snapshot);
      if (IS_UPDATE) writeGolden(name, files);
      assertSameFiles(files, readGolden(name));
      await assertAccepted(snapshot);
    });
  }

  test('no golden shows the void token', () => {
    for (const name of cases) {
      for (const text of render(snapshotOf(name)).values()) assert.ok(!text.includes(TOKEN.reveal()));
    }
  });
});

describe('a resource that Envoy refuses is found', { concurrency: 2 }, () => {
  const breakages: readonly { readonly what: string; readonly expected: RegExp; readonly edit: typeof tame }[] = [
    {
      what: 'an empty SNI map',
      expected: /lds.update_rejected/,
      edit: (resource, type) =>
        type === TYPE_URL.listener && resource['name'] === 'in'
          ? { ...tame(resource, type), filter_chain_matcher: { matcher_tree: { exact_match_map: {} } } }
          : tame(resource, type),
    },
    {
      what: 'an address that is none',
      expected: /update_rejected|peer\|b is not in use/,
      edit: (resource, type) => {
        const text = JSON.stringify(tame(resource, type)).replaceAll('"127.0.2.10"', '"no-address"');
        const edited: JsonValue = JSON.parse(text);
        return isObject(edited) ? edited : resource;
      },
    },
    {
      what: 'a route to a method pattern that is no regular expression',
      expected: /rds.*update_rejected/,
      edit: (resource, type) => {
        const edited: JsonValue = JSON.parse(
          JSON.stringify(tame(resource, type)).replaceAll('GET|HEAD|OPTIONS', 'GET('),
        );
        return isObject(edited) ? edited : resource;
      },
    },
  ];
  for (const { what, expected, edit } of breakages) {
    test(what, async () => {
      const snapshot = snapshotOf('http-local-and-two-peers');
      await using gateway = await startEnvoy(snapshot, edit);
      const found = await waitFor('the refusal shows', async () => {
        const problems = await refusals(gateway, snapshot);
        return problems.some((problem) => expected.test(problem)) && problems;
      });
      assert.match(found.join('\n'), expected);
    });
  }
});
