import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { loadNamedTopology, namedTopologies, parseTopology } from './load.ts';
import { type PairPlan, planTopology } from './planner.ts';
import type { Topology } from './schema.ts';

function brief({ from, to, path }: PairPlan): string {
  const how = path.kind === 'gateways' ? `gateways ${path.link ?? '-'}` : path.kind;
  return `${from} -> ${to}: ${how} (${path.reason})`;
}

/** Clusters given as `NAME@NETWORK`, a `!` for no gateway, a `*` for transit. */
function topology(
  clusters: readonly string[],
  links: readonly (readonly string[])[],
  direct: readonly string[] = [],
): Topology {
  const parsed = clusters.map((text) => ({ text, ...parts(text) }));
  const networks = [...new Set([...parsed.map(({ network }) => network), ...links.flat()])];
  return parseTopology(
    JSON.stringify({
      apiVersion: 'isthmus.dev/v1alpha1',
      kind: 'Topology',
      metadata: { name: 'test' },
      spec: {
        purpose: 'test',
        networks: networks.map((name) => ({ name, directRouting: direct.includes(name) })),
        links: links.map((joined, index) => ({ name: `link-${index}`, networks: joined })),
        clusters: parsed.map(({ text, name, network }, index) => ({
          name,
          network,
          platform: 'kubernetes',
          transit: text.endsWith('*'),
          podCIDRs: [`10.${index}.0.0/16`],
          gateways: text.endsWith('!') ? [] : [{ name: 'gw-1', address: `192.0.2.${index + 1}` }],
        })),
      },
    }),
    'test.yaml',
  );
}

function parts(text: string): { name: string; network: string } {
  const [name = '', network = ''] = text.replace(/[!*]$/, '').split('@');
  return { name, network };
}

describe('named topologies', () => {
  const expected: Readonly<Record<string, readonly string[]>> = {
    'flat-2': ['east -> west: direct (DirectRouting)', 'west -> east: direct (DirectRouting)'],
    'separated-2': ['east -> west: gateways wan (Linked)', 'west -> east: gateways wan (Linked)'],
    'overlap-2': ['east -> west: gateways wan (Linked)', 'west -> east: gateways wan (Linked)'],
    'mixed-3': [
      'blue -> green: direct (DirectRouting)',
      'blue -> plant: gateways wan (Linked)',
      'green -> blue: direct (DirectRouting)',
      'green -> plant: gateways wan (Linked)',
      'plant -> blue: gateways wan (Linked)',
      'plant -> green: gateways wan (Linked)',
    ],
    'no-kube-3': [
      'east -> west: gateways wan (Linked)',
      'east -> edge: gateways wan (Linked)',
      'west -> east: gateways wan (Linked)',
      'west -> edge: gateways wan (Linked)',
      'edge -> east: gateways wan (Linked)',
      'edge -> west: gateways wan (Linked)',
    ],
  };

  test('are exactly those that the table of this test knows', async () => {
    assert.deepEqual(await namedTopologies(), Object.keys(expected).sort());
  });

  for (const [name, pairs] of Object.entries(expected)) {
    test(`${name} is valid, bears its own name and is planned as written down here`, async () => {
      const loaded = await loadNamedTopology(name);
      assert.equal(loaded.metadata.name, name);
      assert.deepEqual(planTopology(loaded).map(brief), pairs);
    });
  }

  test('overlap-2 and no-kube-3 use identical ranges on all sides, and the plan says so', async () => {
    for (const name of ['overlap-2', 'no-kube-3']) {
      for (const pair of planTopology(await loadNamedTopology(name))) assert.equal(pair.overlapping.length, 1, name);
    }
  });

  test('direct routing in mixed-3 is encrypted, in flat-2 it is not', async () => {
    const encrypted = async (name: string): Promise<readonly boolean[]> =>
      planTopology(await loadNamedTopology(name)).flatMap(({ path }) =>
        path.kind === 'direct' ? [path.encrypted] : [],
      );
    assert.deepEqual(await encrypted('mixed-3'), [true, true]);
    assert.deepEqual(await encrypted('flat-2'), [false, false]);
  });
});

describe('planner', () => {
  const cases: readonly { why: string; given: Topology; first: string }[] = [
    {
      why: 'one network without direct routing goes through gateways',
      given: topology(['a@n', 'b@n'], []),
      first: 'a -> b: gateways - (SameNetwork)',
    },
    {
      why: 'direct routing needs no gateways',
      given: topology(['a@n!', 'b@n!'], [], ['n']),
      first: 'a -> b: direct (DirectRouting)',
    },
    {
      why: 'direct routing in one network says nothing about another',
      given: topology(['a@n', 'b@m'], [['n', 'm']], ['n', 'm']),
      first: 'a -> b: gateways link-0 (Linked)',
    },
    {
      why: 'a cluster without a gateway is not reached across networks',
      given: topology(['a@n', 'b@m!'], [['n', 'm']]),
      first: 'a -> b: unreachable (NoGateway)',
    },
    {
      why: 'networks without a link do not reach each other',
      given: topology(['a@n', 'b@m'], []),
      first: 'a -> b: unreachable (NoLink)',
    },
    {
      why: 'a hub that offers transit is named, but not yet used',
      given: topology(
        ['a@n', 'b@m', 'hub@h*'],
        [
          ['n', 'h'],
          ['h', 'm'],
        ],
      ),
      first: 'a -> b: unreachable (TransitNotSupported)',
    },
    {
      why: 'a cluster in between that does not offer transit is no hub',
      given: topology(
        ['a@n', 'b@m', 'hub@h'],
        [
          ['n', 'h'],
          ['h', 'm'],
        ],
      ),
      first: 'a -> b: unreachable (NoLink)',
    },
    {
      why: 'the first link of the file that joins both networks is used',
      given: topology(
        ['a@n', 'b@m'],
        [
          ['n', 'x'],
          ['n', 'm'],
          ['m', 'n'],
        ],
      ),
      first: 'a -> b: gateways link-1 (Linked)',
    },
  ];
  for (const { why, given, first } of cases) {
    test(why, () => assert.equal(planTopology(given).map(brief)[0], first));
  }

  test('clusters that were given overlapping ranges in a directly routed network fall back to gateways', async () => {
    const flat = await loadNamedTopology('flat-2');
    const clusters = flat.spec.clusters.map((cluster) => ({ ...cluster, podCIDRs: ['10.0.0.0/8'] }));
    const pairs = planTopology({ ...flat, spec: { ...flat.spec, clusters } });
    assert.deepEqual(pairs.map(brief), [
      'east -> west: gateways - (OverlappingRanges)',
      'west -> east: gateways - (OverlappingRanges)',
    ]);
  });

  test('reachability is symmetric, and every pair is planned once', () => {
    const cluster = fc.tuple(fc.constantFrom('n', 'm', 'o'), fc.constantFrom('', '!', '*'));
    const links = fc.array(fc.constantFrom(['n', 'm'], ['m', 'o'], ['n', 'o']), { maxLength: 2 });
    fc.assert(
      fc.property(
        fc.array(cluster, { minLength: 2, maxLength: 5 }),
        links,
        fc.constantFrom([], ['n']),
        (some, joined, direct) => {
          const names = some.map(([network, kind], index) => `c${index}@${network}${kind}`);
          const pairs = planTopology(topology(names, joined, direct));
          assert.equal(pairs.length, names.length * (names.length - 1));
          for (const { from, to, path } of pairs) {
            const back = pairs.find((pair) => pair.from === to && pair.to === from);
            assert.deepEqual([path.kind, path.reason], [back?.path.kind, back?.path.reason]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
