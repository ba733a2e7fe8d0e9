import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { AddressPolicy } from './addresses.ts';
import { checkGatewayAddress, NEVER_LIST } from './addresses.ts';

const PUBLIC: AddressPolicy = { dev: false, ownRanges: ['10.0.0.0/8', 'fd00:10::/32'] };

function reasonOf(host: string, policy: AddressPolicy = PUBLIC): string {
  const checked = checkGatewayAddress(host, policy);
  return checked.ok ? 'ok' : checked.reason;
}

describe('checkGatewayAddress', () => {
  for (const host of [
    '203.0.113.10',
    '192.168.7.1',
    '100.64.0.1',
    '172.16.0.1',
    '2001:db8::1',
    'fd12:3456::1',
    '64:ff9b::cb00:710a',
    'gw.example.org',
    'gw-1',
    '1a.example.org',
    'xn--bcher-kva.example',
  ]) {
    it(`lets ${host} through`, () => assert.equal(reasonOf(host), 'ok'));
  }

  for (const host of [
    '0.0.0.0',
    '0.1.2.3',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '169.254.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:203.0.113.10',
    '::ffff:127.0.0.1',
    '::FFFF:7f00:1',
    '::ffff:0:127.0.0.1',
    '::127.0.0.1',
    '::203.0.113.10',
    '::7f00:1',
    '::cb00:710a',
    '2002:7f00:1::1',
    '2002:cb00:710a::1',
    '2001::1',
    '2001:0:53aa:64c::1',
    '64:ff9b::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::a01:203',
    '64:ff9b:1::a00:1',
    '100::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'ff02::1',
    'ff0e::1',
    '10.1.2.3',
    'fd00:10::5',
    'localhost',
    'db.localhost',
  ]) {
    it(`forbids ${host}`, () => assert.equal(reasonOf(host), 'AddressForbidden'));
  }

  for (const host of [
    '',
    ' 203.0.113.10',
    '203.0.113.10 ',
    '203.0.113.010',
    '0177.0.0.1',
    '0x7f.0.0.1',
    '0x7f000001',
    '2130706433',
    '127.1',
    '127.0.1',
    '1.2.3.256',
    '1.2.3.4.5',
    '1.2.3.4/32',
    'fe80::1%eth0',
    '[2001:db8::1]',
    '2001:db8::1::2',
    '1:2:3',
    'gw.example.org.',
    'GW.example.org',
    'gw_1.example.org',
    'http://gw.example.org',
    'gw.example.org:443',
    'evil.123',
    'evil.0x7f',
    'a'.repeat(64),
    `${'a.'.repeat(130)}org`,
    '１２７.0.0.1',
  ]) {
    it(`takes ${JSON.stringify(host.slice(0, 40))} for no address at all`, () =>
      assert.equal(reasonOf(host), 'InvalidAddress'));
  }

  it('opens loopback, and nothing else, in a clusterset made for development', () => {
    const dev: AddressPolicy = { dev: true, ownRanges: [] };
    assert.deepEqual(
      ['127.0.0.1', '::1', 'localhost'].map((host) => reasonOf(host, dev)),
      ['ok', 'ok', 'ok'],
    );
    for (const host of ['0.0.0.0', '169.254.169.254', '::', '::ffff:127.0.0.1', '::127.0.0.1', '2002:7f00:1::1']) {
      assert.equal(reasonOf(host, dev), 'AddressForbidden', host);
    }
  });

  it('keeps to the ranges of the roster when there are any, and the never-list still holds inside them', () => {
    const policy = { ...PUBLIC, rosterRanges: ['203.0.113.0/24', '169.254.0.0/16', '2001:db8::/32'] };
    assert.equal(reasonOf('203.0.113.10', policy), 'ok');
    assert.equal(reasonOf('2001:db8:1::1', policy), 'ok');
    assert.equal(reasonOf('203.0.114.10', policy), 'AddressOutsideRoster');
    assert.equal(reasonOf('169.254.1.1', policy), 'AddressForbidden');
    assert.equal(reasonOf('203.0.113.10', { ...PUBLIC, rosterRanges: [] }), 'AddressOutsideRoster');
    // A name is judged again when it is resolved.
    assert.equal(reasonOf('gw.example.org', policy), 'ok');
  });

  it('refuses everything when a range cannot be read', () => {
    for (const range of [
      '10.0.0.0',
      '10.0.0.0/33',
      '10.0.0.0/-1',
      '10.0.0.0/8/8',
      'x/8',
      'fd00::/129',
      '10.0.0.0/',
      '',
    ]) {
      assert.equal(reasonOf('203.0.113.10', { dev: false, ownRanges: [range] }), 'InvalidRange', range);
      assert.equal(reasonOf('203.0.113.10', { ...PUBLIC, rosterRanges: [range] }), 'InvalidRange', range);
    }
  });

  it('holds for the whole of every never range, in every spelling', () => {
    const octet = fc.nat(255);
    fc.assert(
      fc.property(fc.tuple(octet, octet, octet, octet), ([a, b, c, d]) => {
        const inner = `${a}.${b}.${c}.${d}`;
        for (const host of [`::ffff:${inner}`, `::${inner}`, `2002:${hex(a, b)}:${hex(c, d)}::1`]) {
          assert.equal(reasonOf(host), 'AddressForbidden', host);
        }
        // NAT64 is as good as the address inside.
        assert.equal(reasonOf(`64:ff9b::${inner}`), reasonOf(inner), inner);
      }),
      { numRuns: 300 },
    );
  });

  it('says what is wrong with an address', () => {
    const messages = ['::', '::1', '10.1.2.3'].map((host) => {
      const checked = checkGatewayAddress(host, PUBLIC);
      return checked.ok ? 'ok' : checked.message;
    });
    assert.deepEqual(messages, [
      'address "::" is unspecified',
      'address "::1" is loopback',
      'address "10.1.2.3" lies in our own range 10.0.0.0/8',
    ]);
  });

  it('refuses the first address of every never range', () => {
    for (const { range } of NEVER_LIST) {
      const [first = ''] = range.split('/');
      assert.equal(reasonOf(first), 'AddressForbidden', range);
    }
  });
});

function hex(high: number, low: number): string {
  return (high * 256 + low).toString(16);
}
