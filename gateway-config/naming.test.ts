/** Names that both ends compute alone. A change here breaks mixed versions, hence literal values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClusterId, serviceKey, servicePortKey } from '../federation/model/ids.ts';
import * as naming from './naming.ts';

const DB = servicePortKey(serviceKey('shop', 'db'), 5432);
const [A, B] = [parseClusterId('east'), parseClusterId('west')];

test('the server names between gateways', () => {
  const pair = naming.httpSni(A, B, 'prod.example.org');
  assert.equal(pair, 'east.west.prod.example.org');
  assert.equal(naming.tcpKey(DB), '78a0474f35ff504c6e43039ab6aaedbc');
  assert.equal(naming.tcpSni(DB, pair), '78a0474f35ff504c6e43039ab6aaedbc.east.west.prod.example.org');
});

test('the longest names fit a server name', () => {
  const longest = 'x'.repeat(63);
  const service = servicePortKey(serviceKey(longest, longest), 65_535);
  const domain = `${longest}.${longest.slice(0, 20)}`;
  const sni = naming.tcpSni(service, naming.httpSni(parseClusterId(longest), parseClusterId(longest), domain));
  assert.ok(sni.length <= 255, `${sni.length}`);
  assert.ok(sni.split('.').every((label) => label.length <= 63));
});

test('the names of resources', () => {
  assert.deepEqual(
    [
      naming.egressName(DB),
      naming.localClusterName(DB),
      naming.tcpClusterName(DB),
      naming.exportClusterName(DB),
      naming.peerClusterName(B),
      naming.ingressRouteName(A),
      naming.anchorSecretName(A),
    ],
    [
      'egress|shop/db:5432',
      'local|shop/db:5432',
      'tcp|shop/db:5432',
      'export|shop/db:5432',
      'peer|west',
      'in|east',
      'anchor|east',
    ],
  );
});
