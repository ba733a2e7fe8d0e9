import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { fromBinary } from '@bufbuild/protobuf';
import { parseClusterId, serviceKey, servicePortKey } from '../../federation/model/ids.ts';
import { PriorityGroupClusterSpecifierSchema } from '../gen/envoy/extensions/router/cluster_specifiers/priority_group/v3/priority_group_pb.ts';
import type { EgressIR } from '../ir.ts';
import { attemptsOf, clusterChoice } from './route-clusters.ts';
import { LOCAL_WEIGHT, RETRIES_MAX } from './settings.ts';

type Tier = Readonly<Record<string, number>>;

function egress(hasLocal: boolean, ...tiers: readonly Tier[]): EgressIR {
  return {
    service: servicePortKey(serviceKey('shop', 'web'), 80),
    protocol: 'http',
    listen: { address: '10.0.0.1', port: 20_000 },
    local: hasLocal ? [{ address: '10.0.0.2', port: 8080 }] : [],
    tiers: tiers.map((tier) =>
      Object.entries(tier).map(([name, weight]) => ({ cluster: parseClusterId(name), weight })),
    ),
  };
}

function weights(item: EgressIR): (readonly [string, number | undefined])[] {
  const choice = clusterChoice(item);
  if (choice.case !== 'weightedClusters') return assert.fail(`chosen by ${choice.case}`);
  return choice.value.clusters.map(({ name, weight }) => [name, weight] as const);
}

function groups(item: EgressIR): (readonly (readonly [string, number])[])[] {
  const choice = clusterChoice(item);
  if (choice.case !== 'inlineClusterSpecifierPlugin') return assert.fail(`chosen by ${choice.case}`);
  const value = choice.value.extension?.typedConfig?.value ?? assert.fail('it has no configuration');
  const { priorityGroups } = fromBinary(PriorityGroupClusterSpecifierSchema, value);
  return priorityGroups.map(({ clusters }) =>
    clusters.map(({ clusterName, weight }) => [clusterName, weight ?? 0] as const),
  );
}

/** Envoy's draw: one number for all attempts, taken modulo the sum of a group's weights. */
function draw(group: readonly (readonly [string, number])[], random: number): string {
  let left = random % group.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [name, weight] of group) {
    if (left < weight) return name;
    left -= weight;
  }
  return assert.fail('the draw is below the sum');
}

describe('one tier', () => {
  test('own pods outweigh the peers by far', () => {
    assert.deepEqual(weights(egress(true, { b: 3, c: 1 })), [
      ['local|shop/web:80', LOCAL_WEIGHT],
      ['peer|b', 3],
      ['peer|c', 1],
    ]);
  });

  test('without own pods the peers share by their weights', () => {
    assert.deepEqual(weights(egress(false, { b: 3, c: 1 })), [
      ['peer|b', 3],
      ['peer|c', 1],
    ]);
  });
});

describe('own pods after some of the tiers', () => {
  const after = (count: number, ...tiers: readonly Tier[]): EgressIR => ({
    ...egress(true, ...tiers),
    localAfter: count,
  });
  const names = (item: EgressIR): string[] => groups(item).map(([first]) => first?.[0] ?? '');

  test('one tier and then own pods is chosen from by attempt', () => {
    assert.deepEqual(names(after(1, { b: 1 })), ['peer|b', 'local|shop/web:80']);
  });

  test('own pods stand between the tiers', () => {
    assert.deepEqual(names(after(1, { b: 1 }, { c: 1 })), ['peer|b', 'local|shop/web:80', 'peer|c']);
  });

  test('a tier of many clusters before own pods gets its two attempts and not all that are left', () => {
    assert.deepEqual(names(after(1, { b: 1, c: 1, d: 1 })), ['peer|b', 'peer|c', 'local|shop/web:80']);
  });

  test('more tiers than there are means all of them', () => {
    assert.deepEqual(names(after(9, { b: 1 })), ['peer|b', 'local|shop/web:80']);
  });

  test('without own pods it makes no difference', () => {
    const item: EgressIR = { ...egress(false, { b: 3, c: 1 }), localAfter: 1 };
    assert.equal(weights(item).length, 2);
  });
});

describe('several tiers', () => {
  test('attempt N is served by group N, a tier twice before the next', () => {
    assert.deepEqual(groups(egress(true, { b: 3, c: 1 }, { d: 2 })), [
      [['local|shop/web:80', LOCAL_WEIGHT]],
      [
        ['peer|b', 3],
        ['peer|c', 1],
      ],
      [
        ['peer|c', 3],
        ['peer|b', 1],
      ],
      [['peer|d', 2]],
    ]);
  });

  test('attempts that are left go to further clusters of the last tier', () => {
    const last = groups(egress(true, { b: 1 }, { c: 1, d: 1, e: 1, f: 1, g: 1 }));
    assert.equal(last.length, RETRIES_MAX + 1);
    assert.deepEqual(new Set(last.slice(2).map((group) => group[0]?.[0])).size, 4);
  });

  test('every tier is reached, however many there are', () => {
    const item = egress(true, { b: 1, c: 1 }, { d: 1, e: 1 }, { f: 1, g: 1 }, { h: 1, i: 1 }, { j: 1, k: 1 });
    assert.equal(groups(item).length, 11);
    assert.equal(attemptsOf(item), 11);
    assert.equal(attemptsOf(egress(true, { b: 1 }, { c: 1 })), RETRIES_MAX + 1);
  });

  test('no draw sends two attempts within one tier to the same cluster', () => {
    const tier = fc.dictionary(fc.constantFrom('b', 'c', 'd', 'e', 'f', 'g'), fc.integer({ min: 1, max: 1_000 }), {
      minKeys: 2,
    });
    fc.assert(
      fc.property(tier, fc.nat(4_000_000_000), (first, random) => {
        const [one = [], two = []] = groups(egress(false, first, { z: 1 }));
        assert.notEqual(draw(one, random), draw(two, random));
      }),
      { numRuns: 300 },
    );
  });
});
