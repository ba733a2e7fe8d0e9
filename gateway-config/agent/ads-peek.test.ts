import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { DeltaDiscoveryRequestSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts';
import type { TypedResource } from '../resources/encode.ts';
import { TYPE_URL, type TypeUrl } from '../snapshot.ts';
import { encodeResponse } from '../xds/wire.ts';
import { AdsPeek } from './ads-peek.ts';
import { edsCluster, endpoints, snapshotOf } from './envoy-resources.fixture.ts';
import { ResourceCache } from './resource-cache.ts';

type Request = Parameters<typeof create<typeof DeltaDiscoveryRequestSchema>>[1];

function request(typeUrl: TypeUrl, more: Request = {}): Uint8Array {
  return toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { typeUrl, ...more }));
}

function response(
  type: TypeUrl,
  nonce: string,
  resources: readonly TypedResource[],
  removed: readonly string[] = [],
): Uint8Array {
  return encodeResponse({ type, nonce, resources: resources.map(({ resource }) => resource), removed });
}

function presentedIn(frame: Uint8Array): Record<string, string> {
  return fromBinary(DeltaDiscoveryRequestSchema, frame).initialResourceVersions;
}

function peekOver(
  cache: ResourceCache,
  server: 'controller' | 'cache' = 'controller',
  warming = new Set<string>(),
): AdsPeek {
  return new AdsPeek({ cache, warming }, { server });
}

function emptyCache(): ResourceCache {
  return new ResourceCache({ onChange: () => undefined });
}

test('what envoy acknowledges is kept, what it refuses is not', () => {
  const cache = emptyCache();
  const peek = peekOver(cache);
  peek.request(request(TYPE_URL.cluster));
  peek.response(response(TYPE_URL.cluster, '1', [edsCluster('a')]));
  assert.equal(cache.get(TYPE_URL.cluster, 'a'), undefined);
  peek.request(request(TYPE_URL.cluster, { responseNonce: '1' }));
  assert.equal(cache.get(TYPE_URL.cluster, 'a')?.version, edsCluster('a').resource.version);
  peek.response(response(TYPE_URL.cluster, '2', [edsCluster('a', 999)]));
  peek.request(request(TYPE_URL.cluster, { responseNonce: '2', errorDetail: { message: 'no' } }));
  assert.equal(cache.get(TYPE_URL.cluster, 'a')?.version, edsCluster('a').resource.version);
});

test('what is removed or unsubscribed is forgotten', () => {
  const cache = new ResourceCache({ onChange: () => undefined }, snapshotOf(edsCluster('a'), endpoints('a', 1)));
  const peek = peekOver(cache);
  const { version } = edsCluster('a').resource;
  peek.request(request(TYPE_URL.cluster, { initialResourceVersions: { a: version } }));
  peek.response(response(TYPE_URL.cluster, '1', [], ['a']));
  peek.request(request(TYPE_URL.cluster, { responseNonce: '1' }));
  peek.request(request(TYPE_URL.endpoints, { resourceNamesUnsubscribe: ['a'] }));
  assert.ok(cache.empty);
});

test('a new envoy that presents nothing leaves nothing of its predecessor in the cache', () => {
  const cache = new ResourceCache({ onChange: () => undefined }, snapshotOf(edsCluster('old')));
  const peek = peekOver(cache);
  peek.request(request(TYPE_URL.cluster));
  peek.response(response(TYPE_URL.cluster, '1', [edsCluster('new')]));
  peek.request(request(TYPE_URL.cluster, { responseNonce: '1' }));
  assert.deepEqual([...cache.resources(TYPE_URL.cluster).keys()], ['new']);
});

test('requests pass unchanged, but for what a reconnecting envoy has and the cache has not', () => {
  const kept = edsCluster('kept');
  const cache = new ResourceCache({ onChange: () => undefined }, snapshotOf(kept, edsCluster('older')));
  const same = request(TYPE_URL.cluster, { initialResourceVersions: { kept: kept.resource.version } });
  assert.equal(peekOver(cache).request(same), same);
  const more = request(TYPE_URL.cluster, {
    initialResourceVersions: { kept: kept.resource.version, unknown: '1', older: '2' },
  });
  assert.deepEqual(presentedIn(peekOver(cache).request(more)), {
    kept: kept.resource.version,
    unknown: 'outdated',
    older: 'outdated',
  });
});

test('the cache never takes back nor removes what a living envoy has', () => {
  const kept = edsCluster('kept');
  const cache = new ResourceCache({ onChange: () => undefined }, snapshotOf(kept));
  const frame = request(TYPE_URL.cluster, { initialResourceVersions: { kept: 'newer', unknown: '1' } });
  assert.deepEqual(presentedIn(peekOver(cache, 'cache').request(frame)), { kept: kept.resource.version });
});

test('endpoints of clusters that still warm come again on the next stream, whoever serves it', () => {
  const warming = new Set<string>();
  const set = endpoints('a', 1);
  const cache = new ResourceCache({ onChange: () => undefined }, snapshotOf(edsCluster('a'), set));
  const first = peekOver(cache, 'controller', warming);
  first.request(request(TYPE_URL.cluster));
  first.response(response(TYPE_URL.cluster, '1', [edsCluster('a', 999)]));
  const frame = request(TYPE_URL.endpoints, { initialResourceVersions: { a: set.resource.version } });
  for (const server of ['controller', 'cache'] as const) {
    assert.deepEqual(presentedIn(peekOver(cache, server, warming).request(frame)), { a: 'outdated' });
  }
  const last = peekOver(cache, 'controller', warming);
  last.request(frame);
  last.response(response(TYPE_URL.endpoints, '1', [set]));
  last.request(request(TYPE_URL.endpoints, { responseNonce: '1' }));
  assert.equal(warming.size, 0);
});
