import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFiles } from './check-files.ts';

/** The list of bad input, and more: each problem with exact line, field and reason, all in one pass. */
const SITE = `apiVersion: isthmus.dev/v1alpha1
kind: Site
metadata:
  name: east
spec:
  clusterset: prod.example.org
  network: a
  store: [embedded:store.db]
`;

const GATEWAY = '  gateways:\n    - name: main\n      address: 203.0.113.1\n';

const replaced = (from: string, to: string): string => {
  assert.ok(SITE.includes(from));
  return SITE.replace(from, to);
};

for (const [name, text, expected] of [
  ['a wrong type', replaced('network: a', 'network: 7'), ['7 spec.network WrongType']],
  ['a list where a map is expected', replaced('metadata:\n  name: east', 'metadata: [east]'), ['3 metadata WrongType']],
  [
    'an unknown key',
    replaced('network: a', 'netwrok: a'),
    ['5 spec.network MissingField', '7 spec.netwrok UnknownField'],
  ],
  ['an unknown key at the top', `${SITE}status: {}\n`, ['9 status UnknownField']],
  ['an unknown key of a gateway', `${SITE}${GATEWAY}      prot: 1\n`, ['12 spec.gateways[0].prot UnknownField']],
  ['a duplicate key', `${SITE}  network: b\n`, ['9 - DuplicateField']],
  ['a duplicate cluster', `${SITE}---\n${SITE}`, ['13 metadata.name DuplicateCluster']],
  [
    'one public address and port for two gateways',
    `${SITE}${GATEWAY}      listenAddress: 10.0.0.1\n    - name: second\n      address: 203.0.113.1\n      listenAddress: 10.0.0.2\n`,
    ['13 spec.gateways[1].port OverlappingPort', '15 spec.gateways[1].listenAddress UnsupportedGateway'],
  ],
  [
    'a gateway port among the egress ports',
    `${SITE}${GATEWAY}      port: 20001\n`,
    ['12 spec.gateways[0].port OverlappingPort'],
  ],
  [
    'two gateways of one name',
    `${SITE}${GATEWAY}    - name: main\n      address: 203.0.113.2\n      port: 15445\n`,
    ['12 spec.gateways[1].name DuplicateGateway', '14 spec.gateways[1].port UnsupportedGateway'],
  ],
  ['a port that is none', `${SITE}${GATEWAY}      port: 70000\n`, ['12 spec.gateways[0].port InvalidValue']],
  [
    'a bad CIDR',
    `${SITE}  podCIDRs: [10.0.0.0/33, 10.1.0.0/16, 10.2.0.1/16]\n`,
    ['9 spec.podCIDRs[0] InvalidCIDR', '9 spec.podCIDRs[2] InvalidCIDR'],
  ],
  [
    'overlapping pod and service ranges',
    `${SITE}  podCIDRs: [10.0.0.0/8]\n  serviceCIDRs: [10.96.0.0/12]\n`,
    ['10 spec.serviceCIDRs[0] OverlappingCIDR'],
  ],
  ['an invalid DNS label', replaced('name: east', 'name: East_1'), ['4 metadata.name InvalidName']],
  ['a label of 64 letters', replaced('name: east', `name: ${'e'.repeat(64)}`), ['4 metadata.name InvalidName']],
  ['an invalid clusterset', replaced('prod.example.org', 'prod..org'), ['6 spec.clusterset InvalidName']],
  [
    'an invalid gateway address',
    `${SITE}${GATEWAY.replace('203.0.113.1', '203.0.113')}`,
    ['11 spec.gateways[0].address InvalidAddress'],
  ],
  [
    'a loopback gateway address',
    `${SITE}${GATEWAY.replace('203.0.113.1', '127.0.0.1')}`,
    ['11 spec.gateways[0].address InvalidAddress'],
  ],
  ['an unknown store', replaced('embedded:store.db', 'etcd://x:1'), ['8 spec.store[0] InvalidStore']],
  ['a store without a pin', replaced('embedded:store.db', '"isthmus://h:1"'), ['8 spec.store[0] InvalidStore']],
  [
    'five stores',
    replaced('[embedded:store.db]', '[memory:a, memory:b, memory:c, memory:d, memory:e]'),
    ['8 spec.store InvalidValue'],
  ],
  [
    'a store named twice',
    replaced('[embedded:store.db]', '[embedded:a, embedded:a]'),
    ['8 spec.store[1] DuplicateStore'],
  ],
  ['no store', replaced('[embedded:store.db]', '[]'), ['8 spec.store InvalidValue']],
  ['a duration without unit', `${SITE}  failBackAfter: 30\n`, ['9 spec.failBackAfter WrongType']],
  ['a lifetime above the limit', `${SITE}  leafLifetime: 48h\n`, ['9 spec.leafLifetime InvalidDuration']],
  ['a word that is no log level', `${SITE}  logLevel: verbose\n`, ['9 spec.logLevel InvalidValue']],
  ['a word that is no boolean', `${SITE}  dev: yes\n`, ['9 spec.dev WrongType']],
  ['a wildcard in a folder', `${SITE}  services: ["*/svc.yaml"]\n`, ['9 spec.services[0] InvalidPath']],
  ['an address that is none', `${SITE}  listen: {health: here}\n`, ['9 spec.listen.health InvalidAddress']],
  ['another version', replaced('v1alpha1', 'v2'), ['1 apiVersion UnknownVersion']],
  ['an unknown kind', replaced('kind: Site', 'kind: Stie'), ['2 kind UnknownKind']],
  ['broken YAML', `${SITE}  zone: [\n`, ['9 - InvalidYaml']],
  ['nothing in it', '', ['1 - EmptyFile']],
  ['a prototype key', `${SITE}  __proto__: {dev: true}\n`, ['9 spec.__proto__ UnknownField']],
  ['10 MB', `# ${'x'.repeat(10 * 1024 * 1024)}`, ['1 - FileTooLarge']],
] as const) {
  test(`a site file with ${name} is refused with line, field and reason`, () => {
    const findings = checkFiles([{ file: 'site.yaml', text }]).findings.filter(({ severity }) => severity === 'error');
    assert.deepEqual(
      findings.map(({ line, field, reason }) => `${line} ${field ?? '-'} ${reason}`),
      expected,
    );
    for (const { file, message } of findings) {
      assert.equal(file, 'site.yaml');
      assert.match(message, /^[^A-Z].*[^.]$|^"/, 'messages start lower case and have no full stop');
    }
  });
}

for (const [name, text, hint] of [
  ['a mistyped field', replaced('network: a', 'netwrok: a'), 'did you mean "network"?'],
  ['a mistyped gateway field', `${SITE}${GATEWAY}      adress: x\n`, 'did you mean "address"?'],
  ['a mistyped log level', `${SITE}  logLevel: debig\n`, 'did you mean "debug"?'],
  ['a mistyped kind', replaced('kind: Site', 'kind: Stie'), 'did you mean "Site"?'],
] as const) {
  test(`${name} is answered with the nearest known word`, () => {
    const hints = checkFiles([{ file: 'site.yaml', text }]).findings.map((finding) => finding.hint);
    assert.ok(hints.includes(hint), JSON.stringify(hints));
  });
}

test('every problem of a file is reported at once, in the order of its lines', () => {
  const text = replaced('name: east', 'name: East').replace('network: a', 'network: A') + '  zone: 7\n  dev: 1\n';
  assert.deepEqual(
    checkFiles([{ file: 'site.yaml', text }]).findings.map(({ line }) => line),
    [4, 7, 9, 10],
  );
});

test('the same cluster in two files is found, and both places are named', () => {
  const { findings, sites } = checkFiles([
    { file: 'a.yaml', text: SITE },
    { file: 'b.yaml', text: SITE },
  ]);
  assert.equal(sites, 2);
  assert.deepEqual(
    findings.map(({ file, line, reason, message }) => [file, line, reason, message]),
    [['b.yaml', 4, 'DuplicateCluster', 'cluster east is defined at a.yaml:4 already']],
  );
});

const DECISION = 'apiVersion: isthmus.dev/v1alpha1\nkind: FailoverPolicy\nmetadata: {name: p, namespace: shop}\n';

test('a document that decides about services is checked as its own kind, and found when it stands twice', () => {
  const good = `${DECISION}spec: {order: [{cluster: west}]}\n`;
  const report = checkFiles([
    { file: 'a.yaml', text: good },
    { file: 'b.yaml', text: `${good}---\n${DECISION.replace('name: p', 'name: q')}spec: {order: [{}], rest: no}\n` },
    { file: 'c.yaml', text: good.replace('FailoverPolicy', 'FailoverPolcy') },
  ]);
  assert.deepEqual(
    report.findings.map(({ file, line, field, reason }) => `${file}:${line} ${field} ${reason}`),
    [
      'b.yaml:3 metadata.name Duplicate',
      'b.yaml:9 spec.order[0] ContradictoryFields',
      'b.yaml:9 spec.rest InvalidValue',
      'c.yaml:2 kind UnknownKind',
    ],
  );
  assert.equal(report.decisions, 3);
  assert.equal(report.services, 0);
});

test('gateways on hosts of their own, or side by side on one, listen alike at addresses of their own', () => {
  const text = `${SITE}${GATEWAY}    - name: second\n      address: 203.0.113.2\n`;
  assert.deepEqual(checkFiles([{ file: 'site.yaml', text }]).findings, []);
});

test('a second gateway that listens elsewhere is refused, as all gateways of a site get one configuration', () => {
  const text = `${SITE}${GATEWAY}      listenAddress: 10.0.0.1\n    - name: second\n      address: 203.0.113.2\n      listenAddress: 10.0.0.2\n`;
  const { findings } = checkFiles([{ file: 'site.yaml', text }]);
  assert.deepEqual(
    findings.map(({ severity, line, field, reason }) => [severity, line, field, reason]),
    [['error', 15, 'spec.gateways[1].listenAddress', 'UnsupportedGateway']],
  );
});

test('a gateway address that every other cluster refuses is refused here already', () => {
  const text = `${SITE}${GATEWAY.replace('203.0.113.1', '100.100.100.200')}`;
  const { findings } = checkFiles([{ file: 'site.yaml', text }]);
  assert.deepEqual(
    findings.map(({ severity, field, reason }) => [severity, field, reason]),
    [['error', 'spec.gateways[0].address', 'InvalidAddress']],
  );
});

test('a port of another part of Isthmus is only a warning', () => {
  const { findings } = checkFiles([{ file: 'site.yaml', text: `${SITE}${GATEWAY}      port: 15010\n` }]);
  assert.deepEqual(
    findings.map(({ severity, reason }) => [severity, reason]),
    [['warning', 'ReservedPort']],
  );
});

test('a secret in a store link is not repeated in the finding', () => {
  const text = replaced('embedded:store.db', '"isthmus://host?claim=TOPSECRET"');
  const { findings } = checkFiles([{ file: 'site.yaml', text }]);
  assert.ok(findings.length > 0);
  assert.ok(!JSON.stringify(findings).includes('TOPSECRET'));
});
