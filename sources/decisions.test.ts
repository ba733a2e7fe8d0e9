import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failoverOf } from '../federation/model/failover-order.ts';
import { parseClusterId, serviceKey } from '../federation/model/ids.ts';
import { readServicesFile } from './file-content.ts';
import { type FileState, fold, type Folded, NOTHING_FOLDED } from './file-set.ts';

const HEAD = 'apiVersion: isthmus.dev/v1alpha1\n';
const CART = `---\n${HEAD}kind: Service\nmetadata: {name: cart, namespace: shop}\nspec: {export: true, ports: [{port: 80}]}\n`;
const WEB = CART.replace('name: cart', 'name: web');
const cart = serviceKey('shop', 'cart');

function grant(spec: string, name = 'g', namespace = 'shop'): string {
  return `---\n${HEAD}kind: ExportGrant\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;
}

function policy(name: string, spec: string): string {
  return `---\n${HEAD}kind: FailoverPolicy\nmetadata: {name: ${name}, namespace: shop}\nspec: ${spec}\n`;
}

function clusterSet(spec: string): string {
  return `---\n${HEAD}kind: ClusterSet\nmetadata: {name: default}\nspec: ${spec}\n`;
}

/** As the reader takes a file that it never saw valid before. */
function state(file: string, text: string): FileState {
  const content = readServicesFile(text, file);
  if (content.ok) return { file, documents: content, findings: content.warnings };
  const documents = { services: [], grants: content.closing, policies: [], clusterSets: [] };
  return { file, documents, findings: content.findings };
}

function folded(texts: Readonly<Record<string, string>>, previous = NOTHING_FOLDED): Folded {
  const files = Object.entries(texts).map(([file, text]) => state(file, text));
  return fold(files, () => 1_000, previous);
}

const granted = (result: Folded, key = cart) => result.view.services.get(key)?.grantedTo;
const problems = ({ findings }: Folded) => findings.map(({ file, field, reason }) => `${file} ${field} ${reason}`);

test('a grant of another file restricts the exports of its namespace, and several add up with what the service says', () => {
  const west = grant('{to: [{cluster: west}]}');
  assert.deepEqual(granted(folded({ 'a.yaml': CART, 'b.yaml': west })), ['west']);
  const own = CART.replace('export: true', 'export: true, grantedTo: [south]');
  const north = grant('{services: [cart], to: [{cluster: north}]}', 'h');
  assert.deepEqual(granted(folded({ 'a.yaml': own, 'b.yaml': west + north })), ['north', 'south', 'west']);
});

test('a grant for other services, or for another namespace, leaves an export open', () => {
  const others = grant('{services: [web], to: [{cluster: west}]}') + grant('{to: [{cluster: west}]}', 'g', 'bank');
  assert.equal(granted(folded({ 'a.yaml': CART, 'b.yaml': others })), undefined);
});

test('a grant that cannot be honoured yet closes its exports, names the field, and keeps nothing else from being read', () => {
  const result = folded({ 'a.yaml': CART + grant('{to: [{cluster: west, namespaces: [a]}]}') });
  assert.deepEqual(granted(result), []);
  assert.deepEqual(problems(result), ['a.yaml spec.to[0].namespaces NotSupported']);
});

test('a grant whose file never was valid closes its exports in the other files', () => {
  const bad = grant('{services: [cart], to: [{cluster: WEST}]}');
  const result = folded({ 'a.yaml': CART + WEB, 'b.yaml': bad });
  assert.deepEqual(granted(result), []);
  assert.equal(granted(result, serviceKey('shop', 'web')), undefined);
});

test('a good grant in a file with another mistake closes as well: half of a file is not taken', () => {
  const bad = `${grant('{to: [{cluster: west}]}')}${WEB.replace('port: 80', 'port: 0')}`;
  assert.deepEqual(granted(folded({ 'a.yaml': CART, 'b.yaml': bad })), []);
});

test('a grant whose namespace cannot be read, or in a text that is no YAML, closes everything', () => {
  const odd = grant('{to: [{cluster: west}]}').replace('namespace: shop', 'namespace: [shop]');
  assert.deepEqual(granted(folded({ 'a.yaml': CART, 'b.yaml': odd })), []);
  assert.deepEqual(granted(folded({ 'a.yaml': CART, 'b.yaml': grant('{to: [') })), []);
  assert.equal(granted(folded({ 'a.yaml': CART, 'b.yaml': 'a: [' })), undefined);
});

test('a new grant changes the services of its namespace only', () => {
  const bank = CART.replace('namespace: shop', 'namespace: bank');
  const before = folded({ 'a.yaml': CART + bank, 'b.yaml': grant('{to: [{cluster: west}]}') });
  const after = folded({ 'a.yaml': CART + bank, 'b.yaml': grant('{to: [{cluster: east}]}') }, before);
  const other = serviceKey('bank', 'cart');
  assert.equal(after.view.services.get(other), before.view.services.get(other));
  assert.deepEqual(granted(after), ['east']);
});

test('a failover policy of a file gives the order of its services', () => {
  const text = policy('p', '{services: [cart], order: [{cluster: west}, {network: dc}, {region: eu}], rest: deny}');
  const { failover } = folded({ 'a.yaml': text }).decisions.value;
  assert.deepEqual(failoverOf(failover, cart), {
    places: [
      { kind: 'cluster', cluster: 'west' },
      { kind: 'network', network: 'dc' },
      { kind: 'region', region: 'eu' },
    ],
    rest: 'deny',
  });
});

test('of two policies for one service the first by name holds, and a finding tells of the other', () => {
  const result = folded({
    'a.yaml': policy('z', '{services: [cart], order: [{cluster: west}]}'),
    'b.yaml': policy('a', '{services: [cart], order: [{cluster: east}]}'),
  });
  assert.deepEqual(failoverOf(result.decisions.value.failover, cart)?.places, [{ kind: 'cluster', cluster: 'east' }]);
  assert.deepEqual(problems(result), ['a.yaml spec.services Conflicted']);
});

test('a policy or a ClusterSet that stands in two files is taken from the first, and the second is told', () => {
  const pinned = (cluster: string) => clusterSet(`{importPins: [{namespace: shop, clusters: [${cluster}]}]}`);
  const one = '{order: [{cluster: west}]}';
  const result = folded({ 'a.yaml': pinned('west') + policy('p', one), 'b.yaml': pinned('east') + policy('p', one) });
  assert.deepEqual(result.decisions.value.pins, new Map([['shop', [parseClusterId('west')]]]));
  assert.deepEqual(problems(result), ['b.yaml metadata.name Duplicate', 'b.yaml metadata.name Duplicate']);
});

test('a ClusterSet says what is taken in; one that says nothing leaves it to the Site', () => {
  const { value } = folded({ 'a.yaml': clusterSet('{imports: [shop, bank/ledger]}') }).decisions;
  assert.deepEqual([...(value.imports?.namespaces ?? [])], ['shop']);
  assert.deepEqual([...(value.imports?.services ?? [])], ['bank/ledger']);
  assert.equal(folded({ 'a.yaml': clusterSet('{}') }).decisions.value.imports, undefined);
  assert.deepEqual(
    [...(folded({ 'a.yaml': clusterSet('{imports: []}') }).decisions.value.imports?.namespaces ?? [0])],
    [],
  );
});

test('decisions that stay as they were keep their identity', () => {
  const texts = { 'a.yaml': clusterSet('{imports: [shop]}') + policy('p', '{order: [{cluster: west}]}') };
  const before = folded(texts);
  assert.equal(folded({ ...texts, 'b.yaml': CART }, before).decisions.value, before.decisions.value);
  const changed = folded(
    { 'a.yaml': `${texts['a.yaml']}${policy('q', '{services: [x], order: [{region: eu}]}')}` },
    before,
  );
  assert.notEqual(changed.decisions.value.failover, before.decisions.value.failover);
  assert.equal(changed.decisions.value.imports, before.decisions.value.imports);
});

const REFUSED: readonly (readonly [text: string, field: string, reason: string])[] = [
  [policy('p', '{order: []}'), 'spec.order', 'InvalidValue'],
  [policy('p', '{order: [{}]}'), 'spec.order[0]', 'ContradictoryFields'],
  [policy('p', '{order: [{cluster: a, network: b}]}'), 'spec.order[0]', 'ContradictoryFields'],
  [policy('p', '{order: [{cluster: a}, {region: b}, {cluster: a}]}'), 'spec.order', 'Duplicate'],
  [policy('p', '{order: [{cluster: A}]}'), 'spec.order[0].cluster', 'InvalidName'],
  [policy('p', '{order: [{cluster: a}], rest: maybe}'), 'spec.rest', 'InvalidValue'],
  [policy('p', '{services: [bank/cart], order: [{cluster: a}]}'), 'spec.services[0]', 'InvalidName'],
  [policy('p', '{services: [a, a], order: [{cluster: a}]}'), 'spec.services', 'Duplicate'],
  [grant('{to: []}'), 'spec.to', 'InvalidValue'],
  [grant('{to: [{cluster: a}, {cluster: a}]}'), 'spec.to', 'Duplicate'],
  [grant('{services: [], to: [{cluster: a}]}'), 'spec.services', 'InvalidValue'],
  [clusterSet('{imports: [a/b/c]}'), 'spec.imports[0]', 'InvalidImport'],
  [clusterSet('{importPins: [{namespace: a, clusters: []}]}'), 'spec.importPins[0].clusters', 'InvalidValue'],
  [clusterSet('{imports: [a]}').replace('default', 'other'), 'metadata.name', 'InvalidValue'],
];

for (const [text, field, reason] of REFUSED) {
  test(`${text.split('\n').slice(2, -1).join(' ')} is refused at ${field} for ${reason}`, () => {
    const content = readServicesFile(text, 'a.yaml');
    assert.ok(!content.ok);
    assert.deepEqual(
      content.findings.map((finding) => [finding.field, finding.reason]),
      [[field, reason]],
    );
  });
}
