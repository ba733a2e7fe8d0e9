import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSliceObject, ServiceImportObject } from '../api/objects.ts';
import { MCS_SERVICE_NAME_LABEL, MCS_SOURCE_CLUSTER_LABEL } from '../names.ts';
import { lookUpName } from './zone.ts';
import { ZoneIndex } from './zone-index.ts';

function imported(name: string, spec: Partial<NonNullable<ServiceImportObject['spec']>>): ServiceImportObject {
  return { metadata: { namespace: 'shop', name }, spec: { type: 'ClusterSetIP', ports: [{ port: 80 }], ...spec } };
}

function slice(
  name: string,
  of: string | undefined,
  addresses: readonly string[],
  ready?: boolean,
): EndpointSliceObject {
  const labels = { [MCS_SOURCE_CLUSTER_LABEL]: 'east', ...(of !== undefined && { [MCS_SERVICE_NAME_LABEL]: of }) };
  return {
    metadata: { namespace: 'shop', name, labels },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: ready === undefined ? {} : { ready } })),
    ports: [{ name: 'http', port: 8080 }],
  };
}

function known(): ZoneIndex {
  const index = new ZoneIndex();
  index.completed('imports');
  index.completed('slices');
  return index;
}

function resolved(index: ZoneIndex, name: string): readonly string[] | undefined {
  return index.zone === undefined ? undefined : lookUpName(index.zone, `${name}.shop.svc.clusterset.local`)?.A;
}

describe('the index of imports', () => {
  it('knows nothing before both lists are complete', () => {
    const index = new ZoneIndex();
    index.applyImport(imported('web', { ips: ['10.96.1.1'] }));
    index.completed('imports');
    assert.equal(index.zone, undefined);
    index.completed('slices');
    assert.deepEqual(resolved(index, 'web'), ['10.96.1.1']);
  });

  it('follows imports and slices as they come and go', () => {
    const index = known();
    index.applySlice(slice('db-east', 'db', ['10.1.0.1']));
    assert.equal(resolved(index, 'db'), undefined);
    index.applyImport(imported('db', { type: 'Headless' }));
    assert.deepEqual(resolved(index, 'db'), ['10.1.0.1']);
    index.applySlice(slice('db-east', 'db', ['10.1.0.2']));
    assert.deepEqual(resolved(index, 'db'), ['10.1.0.2']);
    index.applySlice(slice('db-east', 'db', ['10.1.0.2'], false));
    assert.equal(resolved(index, 'db'), undefined);
    index.applySlice(slice('db-east', undefined, ['10.1.0.2']));
    index.applyImport(imported('db', { type: 'ClusterSetIP', ips: ['10.96.1.2'] }));
    assert.deepEqual(resolved(index, 'db'), ['10.96.1.2']);
    index.deleteImport('shop/db');
    assert.equal(resolved(index, 'db'), undefined);
  });

  it('keeps the zone as it is when a slice of somebody else changes', () => {
    const index = known();
    index.applyImport(imported('web', { ips: ['10.96.1.1'] }));
    const { zone } = index;
    index.applySlice(slice('other', undefined, ['10.9.9.9']));
    index.deleteSlice('shop/never-heard-of');
    index.setServer([]);
    assert.equal(index.zone, zone);
    index.setServer(['10.96.0.53']);
    assert.notEqual(index.zone, zone);
  });
});
