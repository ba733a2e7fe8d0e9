/** What can be said of the mutants without an Envoy: `make test-mutation` runs them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile } from '../../gateway-config/compile.ts';
import { resourceJson } from '../../gateway-config/dump.ts';
import { VoidToken } from '../../gateway-config/ir.ts';
import { toSnapshot } from '../../gateway-config/resources/resources.ts';
import { resourcesOf, TYPE_ORDER } from '../../gateway-config/snapshot.ts';
import type { Scenario } from '../../gateway-config/testing/scenario.fixture.ts';
import { compileInputOf, TEST_DOMAIN, TEST_GATEWAY_SET } from '../../gateway-config/testing/scenario.fixture.ts';
import { makeTrust } from '../envoy/certificates.ts';
import { isObject } from '../envoy/file-xds.ts';
import { CountedEdit } from './edits.ts';
import { MUTANTS } from './mutants.ts';

const ROOT = join(import.meta.dirname, '../..');
const DOCUMENT = readFileSync(join(ROOT, 'docs/reference/mutation.md'), 'utf8');

const SITE: Scenario = {
  site: { cluster: 'a', network: 'net-a' },
  local: {
    'shop/web': {
      ports: ['80 http web'],
      endpoints: [{ address: '10.0.0.10', ports: { 80: 8080 }, ready: true }],
    },
    'shop/db': {
      ports: ['5432 tcp pg'],
      endpoints: [{ address: '10.0.0.10', ports: { 5432: 5432 }, ready: true }],
    },
  },
  peers: {
    b: {
      network: 'net-b',
      gateways: [{ host: '192.0.2.2' }],
      services: {
        'shop/web': { ports: ['80 http web'], ready: { 80: 3 } },
        'shop/db': { ports: ['5432 tcp pg'], ready: { 5432: 3 } },
      },
    },
  },
};

test('every mutant changes a resource that a site with own pods and a peer has, and no two have one name', () => {
  const { anchors } = makeTrust(['a', 'b'], TEST_DOMAIN, TEST_GATEWAY_SET);
  const voidToken = new VoidToken('void-token-of-the-mutants');
  const snapshot = toSnapshot(compile(compileInputOf(SITE, { domain: TEST_DOMAIN, anchors, voidToken })));
  const idle = MUTANTS.filter((mutant) => {
    const edit = new CountedEdit(mutant.edit);
    for (const type of TYPE_ORDER) {
      for (const resource of resourcesOf(snapshot, type).values()) {
        const json = resourceJson(type, resource);
        if (isObject(json)) edit.apply(json, type);
      }
    }
    return edit.changed === 0;
  });
  assert.deepEqual(
    idle.map(({ name }) => name),
    [],
  );
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
});

test('the reference lists every mutant with its setting, file and check, and none that is not there', () => {
  const rows = [...DOCUMENT.matchAll(/^\| `([a-z0-9-]+)` \| (.*?) \| `([^`]+)` \| .* \| `([^`]+)` \|$/gm)].map(
    ([, name, setting, file, check]) => [name, setting, file, check],
  );
  assert.deepEqual(
    rows,
    MUTANTS.map(({ name, setting, file, check }) => [name, setting.replaceAll('|', '\\|'), file, check.name]),
  );
});

test('the reference says of every check what it promises', () => {
  const missing = [...new Set(MUTANTS.map(({ check }) => check))].filter(
    ({ name, promise }) => !DOCUMENT.includes(`| \`${name}\` | ${promise.replaceAll('|', '\\|')} |`),
  );
  assert.deepEqual(missing, []);
});
