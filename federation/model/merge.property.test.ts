import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { diffRecords } from './diff.ts';
import { viewOfRecords } from './cluster-view.ts';
import { parseClusterId } from './ids.ts';
import { mergeState } from './merge.ts';
import type { RecordSet, ServiceRecord } from './records.ts';
import { DEFAULT_RECORD_LIMITS } from './records.ts';
import type { ClusterView, FederationState, PeerState } from './state.ts';
import {
  exampleCluster,
  exampleHead,
  examplePeer,
  exampleService,
  GONE,
  HTTP_PORT,
  LIVE,
  recordSet,
  UNREACHABLE,
} from './testing/records.fixture.ts';

/**
 * News from clusters may arrive in any order, in any pieces and repeatedly: whoever has heard the same in the end must
 * hold the same state. Names collide on purpose.
 */
const CLUSTERS = ['alpha', 'beta', 'gamma', 'delta'];
const self = parseClusterId('self');

const service: fc.Arbitrary<ServiceRecord> = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c'),
    exportedAtMs: fc.nat(3),
    type: fc.constantFrom('ClusterSetIP' as const, 'Headless' as const),
    ports: fc.constantFrom(
      [HTTP_PORT],
      [{ ...HTTP_PORT, name: '' }],
      [{ ...HTTP_PORT, port: 81 }],
      [
        { ...HTTP_PORT, appProtocol: 'tcp' as const },
        { ...HTTP_PORT, name: 'b', port: 82 },
      ],
    ),
    labels: fc.constantFrom({}, { a: '1' }),
    weight: fc.nat(2),
  })
  .map(({ weight, ...fields }) =>
    exampleService({ ...fields, ready: [{ port: fields.ports[0]?.port ?? 80, ready: weight }] }),
  );

/** What one cluster published over time: versions of its record set, the last one counts. */
const history = fc.array(fc.uniqueArray(service, { selector: ({ name }) => name, maxLength: 3 }), {
  minLength: 1,
  maxLength: 3,
});
const histories = fc.tuple(...CLUSTERS.map(() => history));
const role = fc.constantFrom(
  { liveness: LIVE, serving: true },
  { liveness: LIVE, serving: false },
  { liveness: UNREACHABLE, serving: false },
  { liveness: GONE, serving: false },
);

function viewOf(
  cluster: string,
  records: RecordSet,
  previous?: { view: ClusterView; records: RecordSet },
): ClusterView {
  const head = exampleHead({ cluster: parseClusterId(cluster) });
  const view = viewOfRecords({ head, joinedAtMs: 1, records, limits: DEFAULT_RECORD_LIMITS }, previous);
  assert.ok(view.ok);
  return view.value;
}

interface Delivery {
  readonly cluster: number;
  readonly version: number;
}

/** Every version of every cluster in order per cluster, the clusters interleaved at will, some versions skipped. */
function deliveries(versions: readonly (readonly unknown[])[], picks: Iterator<number>): readonly Delivery[] {
  const next = versions.map(() => 0);
  const order: Delivery[] = [];
  for (;;) {
    const open = versions
      .map((_, cluster) => cluster)
      .filter((cluster) => (next[cluster] ?? 0) < (versions[cluster]?.length ?? 0));
    if (open.length === 0) return order;
    const cluster = open[(picks.next().value ?? 0) % open.length] ?? 0;
    const version = next[cluster] ?? 0;
    next[cluster] = version + 1;
    const isLast = version + 1 === versions[cluster]?.length;
    if (isLast || (picks.next().value ?? 0) % 3 !== 0) order.push({ cluster, version });
  }
}

describe('mergeState over any arrival order', () => {
  it('ends in the same state whatever the order, the pieces and the repetitions', () => {
    fc.assert(
      fc.property(histories, fc.tuple(role, role, role, role), fc.infiniteStream(fc.nat(11)), (told, roles, picks) => {
        const sets = told.map((versions) => versions.map((services) => recordSet([exampleCluster(), ...services])));
        const finals = sets.map((versions, index) => viewOf(CLUSTERS[index] ?? '', versions.at(-1) ?? new Map()));
        const peersOf = (views: readonly ClusterView[]): ReadonlyMap<ClusterView['cluster'], PeerState> =>
          new Map(views.map((view) => [view.cluster, examplePeer(view, roles[CLUSTERS.indexOf(view.cluster)])]));
        const expected = mergeState({ self, own: undefined, peers: peersOf(finals) });

        let state: FederationState | undefined;
        const known = new Map<number, { view: ClusterView; records: RecordSet }>();
        for (const { cluster, version } of deliveries(sets, picks)) {
          const records = sets[cluster]?.[version] ?? new Map<string, Uint8Array>();
          const view = viewOf(CLUSTERS[cluster] ?? '', records, known.get(cluster));
          known.set(cluster, { view, records });
          state = mergeState(
            { self, own: undefined, peers: peersOf([...known.values()].map((entry) => entry.view)) },
            state,
          );
        }
        assert.deepEqual(state, expected);
        assert.deepEqual([...(state?.services.keys() ?? [])], [...(state?.services.keys() ?? [])].sort());
        assert.equal(
          mergeState({ self, own: undefined, peers: peersOf([...known.values()].map((entry) => entry.view)) }, state)
            .services,
          state?.services,
        );
      }),
      { numRuns: 200 },
    );
  });

  it('does not depend on the order in which peers stand in the map', () => {
    fc.assert(
      fc.property(histories, (told) => {
        const views = told.map((versions, index) =>
          viewOf(CLUSTERS[index] ?? '', recordSet([exampleCluster(), ...(versions.at(-1) ?? [])])),
        );
        const entries = views.map((view) => [view.cluster, examplePeer(view)] as const);
        const forward = mergeState({ self, own: undefined, peers: new Map(entries) });
        const backward = mergeState({ self, own: undefined, peers: new Map(entries.toReversed()) });
        assert.deepEqual(backward, forward);
        assert.deepEqual([...backward.peers.keys()], [...forward.peers.keys()]);
      }),
      { numRuns: 100 },
    );
  });

  it('never lets one cluster take the backends of another away', () => {
    fc.assert(
      fc.property(histories, (told) => {
        const views = told.map((versions, index) =>
          viewOf(CLUSTERS[index] ?? '', recordSet([exampleCluster(), ...(versions.at(-1) ?? [])])),
        );
        const state = mergeState({
          self,
          own: undefined,
          peers: new Map(views.map((view) => [view.cluster, examplePeer(view)])),
        });
        for (const view of views) {
          for (const key of view.services.keys()) {
            assert.ok(state.services.get(key)?.backends.some(({ cluster }) => cluster === view.cluster));
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('views over any partition of deltas', () => {
  it('are the same whether read whole or built from one change after the other', () => {
    fc.assert(
      fc.property(history, (versions) => {
        const sets = versions.map((services) => recordSet([exampleCluster(), ...services]));
        let known: { view: ClusterView; records: RecordSet } | undefined;
        for (const records of sets) known = { view: viewOf('alpha', records, known), records };
        const whole = viewOf('alpha', sets.at(-1) ?? new Map());
        assert.deepEqual(known?.view, whole);
        assert.deepEqual([...(known?.view.services.keys() ?? [])], [...whole.services.keys()]);
        assert.equal(diffRecords(known?.records ?? new Map(), sets.at(-1) ?? new Map()).puts.size, 0);
      }),
      { numRuns: 200 },
    );
  });
});
