import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointObject, EndpointSliceObject } from '../api/objects.ts';
import {
  MANAGED_BY,
  MANAGED_BY_LABEL,
  SERVICE_NAME_LABEL,
  SLICE_MANAGED_BY,
  SLICE_MANAGED_BY_LABEL,
} from '../names.ts';
import { projectSlice } from './slice-projection.ts';

function slice(
  endpoints: readonly EndpointObject[],
  fields: Partial<EndpointSliceObject> & { readonly labels?: Record<string, string> } = {},
): EndpointSliceObject {
  const { labels = {}, ...rest } = fields;
  return {
    metadata: { name: 'shop-1', namespace: 'default', labels: { [SERVICE_NAME_LABEL]: 'shop', ...labels } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', port: 8080 }],
    ...rest,
  };
}

function addressesOf(object: EndpointSliceObject): readonly string[] | undefined {
  return projectSlice(object)?.endpoints.map(({ address }) => address);
}

test('a slice keeps address, readiness, host name and zone of each endpoint', () => {
  const slim = projectSlice(
    slice([
      { addresses: ['10.1.0.1', '10.1.0.9'], conditions: { ready: true }, hostname: 'db-0', zone: 'a', nodeName: 'n' },
    ]),
  );
  assert.deepEqual(slim, {
    service: 'default/shop',
    family: 'IPv4',
    endpoints: [{ address: '10.1.0.1', ready: true, hostname: 'db-0', zone: 'a' }],
    ports: [{ name: 'http', port: 8080 }],
  });
});

const READINESS: readonly (readonly [EndpointObject['conditions'], boolean])[] = [
  [undefined, true],
  [{}, true],
  [{ ready: true }, true],
  [{ ready: false }, false],
  [{ ready: false, serving: true, terminating: true }, false],
];

for (const [conditions, ready] of READINESS) {
  test(`an endpoint with the conditions ${JSON.stringify(conditions)} is ${ready ? 'ready' : 'not ready'}`, () => {
    const slim = projectSlice(
      slice([{ addresses: ['10.1.0.1'], ...(conditions === undefined ? {} : { conditions }) }]),
    );
    assert.equal(slim?.endpoints[0]?.ready, ready);
  });
}

test('slices of ours, of names and of no Service are not kept', () => {
  const endpoints = [{ addresses: ['10.1.0.1'] }];
  assert.equal(projectSlice(slice(endpoints, { labels: { [SLICE_MANAGED_BY_LABEL]: SLICE_MANAGED_BY } })), undefined);
  assert.equal(projectSlice(slice(endpoints, { labels: { [MANAGED_BY_LABEL]: MANAGED_BY } })), undefined);
  assert.equal(projectSlice(slice(endpoints, { addressType: 'FQDN' })), undefined);
  assert.equal(projectSlice({ ...slice(endpoints), metadata: { name: 'shop-1', namespace: 'default' } }), undefined);
});

test('addresses that would make a gateway dial its own node or a metadata service are left out', () => {
  const bad = [
    '127.0.0.1',
    '169.254.169.254',
    '0.0.0.0',
    '224.0.0.1',
    '100.100.100.200',
    '168.63.129.16',
    'pod',
    '10.1',
  ];
  const good = ['10.1.0.1', '192.168.0.7', '100.64.0.1', '172.16.0.1', '8.8.8.8'];
  assert.deepEqual(addressesOf(slice([...bad, ...good].map((address) => ({ addresses: [address] })))), good);
  const six = ['::1', 'fe80::1', 'fd00:ec2::254', '::ffff:10.0.0.1', '10.1.0.1', 'fd00:1::7'];
  const object = slice(
    six.map((address) => ({ addresses: [address] })),
    { addressType: 'IPv6' },
  );
  assert.deepEqual(addressesOf(object), ['fd00:1::7']);
});

test('a zone or host name that no record could carry is dropped, the endpoint stays', () => {
  const [endpoint] =
    projectSlice(slice([{ addresses: ['10.1.0.1'], zone: 'a zone', hostname: 'Db_0' }]))?.endpoints ?? [];
  assert.deepEqual(endpoint, { address: '10.1.0.1', ready: true, hostname: undefined, zone: undefined });
});

test('missing lists and ports without a number are nothing', () => {
  const slim = projectSlice({
    ...slice([]),
    endpoints: null,
    ports: [
      { name: 'a', port: null },
      { name: null, port: 80 },
    ],
  });
  assert.deepEqual(slim?.endpoints, []);
  assert.deepEqual(slim?.ports, [{ name: '', port: 80 }]);
});
