import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { InvalidInputError } from '../runtime/errors.ts';
import { loadNamedTopology, loadTopology, parseTopology } from './load.ts';

const VALID = `apiVersion: isthmus.dev/v1alpha1
kind: Topology
metadata:
  name: two
spec:
  purpose: test
  networks:
    - name: n
    - name: m
  links:
    - name: wan
      networks: [n, m]
  store:
    address: 192.0.2.100
  clusters:
    - name: a
      network: n
      platform: none
      podCIDRs: [10.0.0.0/24]
      serviceCIDRs: [10.1.0.0/24]
      gateways:
        - name: gw-1
          address: 192.0.2.1
    - name: b
      network: m
      platform: none
      gateways:
        - name: gw-1
          address: gw.example.org
`;

/** Findings as `line field: reason`. */
function problems(text: string): readonly string[] {
  try {
    parseTopology(text, 'two.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    for (const finding of error.findings) assert.equal(finding.file, 'two.yaml');
    return error.findings.map(({ line, field, reason }) => `${line} ${field ?? ''}: ${reason}`);
  }
}

function changed(from: string | RegExp, to: string): string {
  const text = VALID.replace(from, to);
  assert.notEqual(text, VALID, 'the case changes nothing');
  return text;
}

describe('a topology file', () => {
  test('is read with its defaults', () => {
    const { spec } = parseTopology(VALID, 'two.yaml');
    assert.deepEqual(spec.store, { address: '192.0.2.100', port: 15_090 });
    assert.deepEqual(spec.clusters[1]?.gateways, [{ name: 'gw-1', address: 'gw.example.org', port: 15_443 }]);
    assert.deepEqual(spec.networks[0], { name: 'n', directRouting: false, encrypted: false });
  });

  const bad: readonly [why: string, text: string, expected: readonly string[]][] = [
    ['unknown field', changed('  purpose: test', '  purpose: test\n  purpos: x'), ['7 spec.purpos: UnknownField']],
    [
      'unknown field in a list',
      changed('      network: m', '      network: m\n      pods: []'),
      ['26 spec.clusters[1].pods: UnknownField'],
    ],
    ['wrong type', changed('platform: none', 'platform: 7'), ['18 spec.clusters[0].platform: InvalidField']],
    ['missing field', changed('      network: n\n', ''), ['16 spec.clusters[0].network: InvalidField']],
    ['bad DNS label', changed('- name: a\n', '- name: A_\n'), ['16 spec.clusters[0].name: InvalidField']],
    ['bad range', changed('10.0.0.0/24', '10.0.0.0/33'), ['19 spec.clusters[0].podCIDRs[0]: InvalidField']],
    ['range with host bits', changed('10.0.0.0/24', '10.0.0.7/24'), ['19 spec.clusters[0].podCIDRs[0]: InvalidField']],
    ['bad address', changed('192.0.2.1\n', '192.0.2.300\n'), ['23 spec.clusters[0].gateways[0].address: InvalidField']],
    [
      'bad port',
      changed('192.0.2.1\n', '192.0.2.1\n          port: 70000\n'),
      ['24 spec.clusters[0].gateways[0].port: InvalidField'],
    ],
    ['other kind', changed('kind: Topology', 'kind: Topologie'), ['2 kind: InvalidField']],
    ['duplicate cluster', changed('- name: b', '- name: a'), ['24 spec.clusters[1].name: Duplicate']],
    [
      'duplicate network',
      changed('- name: m', '- name: n'),
      [
        '9 spec.networks[1].name: Duplicate',
        '25 spec.clusters[1].network: UnknownNetwork',
        '12 spec.links[0].networks[1]: UnknownNetwork',
      ],
    ],
    ['unknown network', changed('network: m', 'network: x'), ['25 spec.clusters[1].network: UnknownNetwork']],
    ['unknown network of a link', changed('[n, m]', '[n, x]'), ['12 spec.links[0].networks[1]: UnknownNetwork']],
    [
      'overlapping ranges of one cluster',
      changed('10.1.0.0/24', '10.0.0.0/16'),
      ['16 spec.clusters[0]: OverlappingRanges'],
    ],
    [
      'gateway in its own pod range',
      changed('192.0.2.1\n', '10.0.0.1\n'),
      ['23 spec.clusters[0].gateways[0].address: GatewayInsideCluster'],
    ],
    [
      'gateways that share an address',
      changed('gw.example.org', '192.0.2.1'),
      ['29 spec.clusters[1].gateways[0].address: SharedAddress'],
    ],
    [
      'overlap in a directly routed network',
      changed(
        'network: m\n      platform: none',
        'network: n\n      platform: none\n      podCIDRs: [10.0.0.128/25]',
      ).replace('- name: n\n', '- name: n\n      directRouting: true\n'),
      ['28 spec.clusters[1].podCIDRs: OverlappingRanges'],
    ],
    ['duplicate key', changed('  purpose: test', '  purpose: test\n  purpose: again'), ['7 : InvalidYaml']],
    ['broken YAML', changed('[n, m]', '[n, m'), ['13 : InvalidYaml']],
  ];
  for (const [why, text, expected] of bad) {
    test(`is refused with line and field: ${why}`, () => assert.deepEqual(problems(text), expected));
  }

  test('reports every problem, not only the first', () => {
    assert.equal(
      problems(changed('platform: none', 'platform: 7').replace('network: m', 'network: [')).length > 0,
      true,
    );
    assert.equal(problems(VALID.replaceAll('platform: none', 'platform: 7')).length, 2);
  });

  test('is not even parsed when it is larger than 1 MiB', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'topology-'));
    try {
      const file = join(folder, 'large.yaml');
      await writeFile(file, `${VALID}# ${'x'.repeat(10 * 1024 * 1024)}`);
      await assert.rejects(
        loadTopology(file),
        (error: InvalidInputError) => error.findings[0]?.reason === 'FileTooLarge',
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('may not multiply itself by YAML aliases', () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `l${level + 1}: &l${level + 1} [${`*l${level}, `.repeat(9)}]`,
    );
    assert.deepEqual(problems(`l0: &l0 x\n${levels.join('\n')}\n`), ['1 : InvalidYaml']);
  });

  test('is one of the named ones, or the message lists them', async () => {
    await assert.rejects(loadNamedTopology('../package'), (error: InvalidInputError) => {
      assert.equal(error.findings[0]?.reason, 'UnknownTopology');
      assert.match(error.findings[0]?.hint ?? '', /flat-2, mixed-3, no-kube-3/);
      return true;
    });
  });
});
