import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseClusterId, parseNetworkId } from '../federation/model/ids.ts';
import type { FailoverOrder, FailoverPlace } from '../federation/model/failover-order.ts';
import type { Candidate, FailoverPlan, Home } from './failover.ts';
import { PEER_WEIGHT_MAX, planFailover } from './failover.ts';

const network = parseNetworkId;
const HERE: Home = { cluster: parseClusterId('here'), network: network('n1'), region: 'eu', zone: '1' };

function candidate(name: string, place: Partial<Candidate> = {}): Candidate {
  return { cluster: parseClusterId(name), network: network('n2'), ready: 1, ...place };
}

function namesOf(site: Home, candidates: readonly Candidate[]): string[][] {
  return tierNames(planFailover(site, candidates));
}

function tierNames({ tiers }: FailoverPlan): string[][] {
  return tiers.map((tier) => tier.map(({ cluster }) => cluster));
}

describe('failover order', () => {
  const table: readonly {
    readonly what: string;
    readonly candidates: readonly Candidate[];
    readonly tiers: string[][];
  }[] = [
    {
      what: 'zone, region, network, others, standby',
      candidates: [
        candidate('standby', { region: 'eu', zone: '1', standby: true }),
        candidate('other', { region: 'us', zone: '1' }),
        candidate('network', { network: network('n1'), region: 'us' }),
        candidate('region', { region: 'eu', zone: '2' }),
        candidate('zone', { region: 'eu', zone: '1' }),
      ],
      tiers: [['zone'], ['region'], ['network'], ['other'], ['standby']],
    },
    {
      what: 'clusters of one distance share a tier, sorted by name',
      candidates: [candidate('c'), candidate('b'), candidate('a')],
      tiers: [['a', 'b', 'c']],
    },
    { what: 'a cluster without ready endpoints is not there', candidates: [candidate('a', { ready: 0 })], tiers: [] },
    {
      what: 'a zone of the same name in another region is far',
      candidates: [candidate('a', { region: 'us', zone: '1' })],
      tiers: [['a']],
    },
  ];
  for (const { what, candidates, tiers } of table) {
    test(what, () => assert.deepEqual(namesOf(HERE, candidates), tiers));
  }

  test('a site without region and zone is near only to its own network', () => {
    const site: Home = { cluster: HERE.cluster, network: network('n1') };
    const candidates = [candidate('a'), candidate('b', { network: network('n1') }), candidate('c', { region: 'eu' })];
    assert.deepEqual(namesOf(site, candidates), [['b'], ['a', 'c']]);
  });

  test('zones alone count when nobody names a region', () => {
    const site: Home = { cluster: HERE.cluster, network: network('n1'), zone: '1' };
    assert.deepEqual(namesOf(site, [candidate('a', { zone: '2' }), candidate('b', { zone: '1' })]), [['b'], ['a']]);
  });

  test('weights are ready endpoints, bounded so that 1,000 peers and the local weight add up below 2^32', () => {
    const { tiers } = planFailover(HERE, [candidate('a', { ready: 3 }), candidate('b', { ready: 4_000_000_000 })]);
    const [tier] = tiers;
    assert.deepEqual(
      tier?.map(({ weight }) => weight),
      [3, PEER_WEIGHT_MAX],
    );
    assert.ok(1_000 * PEER_WEIGHT_MAX + 4_000_000_000 < 2 ** 32);
  });
});

function order(places: readonly FailoverPlace[], rest: FailoverOrder['rest'] = 'allow'): FailoverOrder {
  return { places, rest };
}

function at(name: string): FailoverPlace {
  return { kind: 'cluster', cluster: parseClusterId(name) };
}

describe('explicit failover order', () => {
  const near = candidate('near', { region: 'eu', zone: '1' });
  const mid = candidate('mid', { network: network('n1') });
  const far = candidate('far', { network: network('n9'), region: 'us' });
  const away = candidate('away', { network: network('n9'), region: 'us' });
  const all = [near, mid, far, away];
  const table: readonly {
    readonly what: string;
    readonly order: FailoverOrder;
    readonly candidates?: readonly Candidate[];
    readonly tiers: string[][];
    readonly localAfter?: number;
  }[] = [
    {
      what: 'named clusters come first, the rest follows nearest first',
      order: order([at('far')]),
      tiers: [['far'], ['near'], ['mid'], ['away']],
    },
    { what: 'without a rest only the named ones are used', order: order([at('far')], 'deny'), tiers: [['far']] },
    {
      what: 'the clusters of a network share its place',
      order: order([{ kind: 'network', network: network('n9') }, at('near')], 'deny'),
      tiers: [['away', 'far'], ['near']],
    },
    {
      what: 'a cluster belongs to the first place that fits it',
      order: order([at('far'), { kind: 'region', region: 'us' }], 'deny'),
      tiers: [['far'], ['away']],
    },
    {
      what: 'the own cluster stands where it is named',
      order: order([at('far'), at('near'), at('here'), at('mid')]),
      tiers: [['far'], ['near'], ['mid'], ['away']],
      localAfter: 2,
    },
    {
      what: 'places where nobody serves do not count for the own cluster',
      order: order([at('nobody'), at('far'), at('here')], 'deny'),
      tiers: [['far']],
      localAfter: 1,
    },
    {
      what: 'the own network or region being named does not move the own cluster from the first place',
      order: order(
        [
          { kind: 'region', region: 'us' },
          { kind: 'network', network: network('n1') },
        ],
        'deny',
      ),
      tiers: [['away', 'far'], ['mid']],
    },
    {
      what: 'a cluster on standby comes last, after the own one too',
      order: order([at('far'), at('here'), at('near')]),
      candidates: [{ ...far, standby: true }, near, mid],
      tiers: [['near'], ['mid'], ['far']],
    },
    {
      what: 'a cluster on standby that is not named is not used where the rest is denied',
      order: order([at('far')], 'deny'),
      candidates: [far, { ...near, standby: true }],
      tiers: [['far']],
    },
    {
      what: 'an order of strangers changes nothing',
      order: order([at('stranger')]),
      tiers: [['near'], ['mid'], ['away', 'far']],
    },
  ];
  for (const { what, order: wanted, candidates = all, tiers, localAfter } of table) {
    test(what, () => {
      const plan = planFailover(HERE, candidates, wanted);
      assert.deepEqual([tierNames(plan), plan.localAfter], [tiers, localAfter]);
    });
  }
});
