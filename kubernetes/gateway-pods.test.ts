import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSliceObject } from './api/objects.ts';
import { gatewayPods, type PodSlice, projectPodSlice } from './gateway-pods.ts';

function slice(addressType: EndpointSliceObject['addressType'], pods: Record<string, string>): PodSlice {
  const found = projectPodSlice({
    metadata: { name: 's' },
    addressType,
    endpoints: Object.entries(pods).map(([name, address]) => ({
      addresses: [address],
      conditions: { ready: !name.startsWith('bad') },
      zone: 'a',
      nodeName: 'n1',
      targetRef: { kind: 'Pod', name },
    })),
  });
  assert.ok(found !== undefined);
  return found;
}

test('a pod with addresses of both families is one pod, and pods that are not ready are none', () => {
  const slices = [slice('IPv6', { b: 'fd00::2', a: 'fd00::1' }), slice('IPv4', { a: '10.0.0.1', bad: '10.0.0.9' })];
  assert.deepEqual(gatewayPods(slices), [
    { name: 'a', addresses: ['10.0.0.1', 'fd00::1'], zone: 'a', nodeName: 'n1' },
    { name: 'b', addresses: ['fd00::2'], zone: 'a', nodeName: 'n1' },
  ]);
  assert.deepEqual(gatewayPods(slices.toReversed()), gatewayPods(slices));
});

test('a slice of names says nothing about pods', () => {
  assert.equal(projectPodSlice({ metadata: { name: 's' }, addressType: 'FQDN', endpoints: [] }), undefined);
});
