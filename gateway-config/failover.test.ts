import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseClusterId, parseNetworkId } from '../federation/model/ids.ts';
import type { Candidate, Place } from './failover.ts';
import { PEER_WEIGHT_MAX, planTiers } from './failover.ts';

const network = parseNetworkId;
const HERE: Place = { network: network('n1'), region: 'eu', zone: '1' };

function candidate(name: string, place: Partial<Candidate> = {}): Candidate {
  return { cluster: parseClusterId(name), network: network('n2'), ready: 1, ...place };
}

function namesOf(site: Place, candidates: readonly Candidate[]): string[][] {
  return planTiers(site, candidates).map((tier) => tier.map(({ cluster }) => cluster));
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
    const site: Place = { network: network('n1') };
    const candidates = [candidate('a'), candidate('b', { network: network('n1') }), candidate('c', { region: 'eu' })];
    assert.deepEqual(namesOf(site, candidates), [['b'], ['a', 'c']]);
  });

  test('zones alone count when nobody names a region', () => {
    const site: Place = { network: network('n1'), zone: '1' };
    assert.deepEqual(namesOf(site, [candidate('a', { zone: '2' }), candidate('b', { zone: '1' })]), [['b'], ['a']]);
  });

  test('weights are ready endpoints, bounded so that 1,000 peers and the local weight add up below 2^32', () => {
    const [tier] = planTiers(HERE, [candidate('a', { ready: 3 }), candidate('b', { ready: 4_000_000_000 })]);
    assert.deepEqual(
      tier?.map(({ weight }) => weight),
      [3, PEER_WEIGHT_MAX],
    );
    assert.ok(1_000 * PEER_WEIGHT_MAX + 4_000_000_000 < 2 ** 32);
  });
});
