import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answer } from './answer.ts';
import { type Answer, RECORD_TYPES, type RecordType } from './message.ts';
import { endpoint, headless, SHOP, zoneOf } from './testing/services.fixture.ts';
import type { Zone } from './zone.ts';

const NODATA = 'NOERROR SOA';
const NO_NAME = 'NXDOMAIN SOA';

function ask(name: string, type: RecordType, zone: Zone | undefined = SHOP, turn = 0): Answer {
  const labels = name === '' ? [] : name.split('.');
  return answer(zone, { labels, type: RECORD_TYPES[type], class: 1 }, { turn });
}

/** In one line what a client learns: the records, or why there are none. */
function told({ rcode, answers, authority }: Answer): string {
  if (answers.length === 0) return [rcode, ...authority.map(({ type }) => type)].join(' ');
  return answers
    .map((record) => {
      if (record.type !== 'SRV') return typeof record.data === 'string' ? record.data : record.type;
      const { priority, weight, port, target } = record.data;
      return `${priority} ${weight} ${port} ${target}`;
    })
    .join(', ');
}

describe('an answer of the zone', () => {
  const cases: readonly (readonly [string, RecordType, string])[] = [
    // ClusterSetIP
    ['web.shop.svc.clusterset.local', 'A', '10.96.1.1'],
    ['web.shop.svc.clusterset.local', 'AAAA', 'fd00::1'],
    ['web.shop.svc.clusterset.local', 'SRV', NODATA],
    ['web.shop.svc.clusterset.local', 'TXT', NODATA],
    ['_http._tcp.web.shop.svc.clusterset.local', 'SRV', '0 100 80 web.shop.svc.clusterset.local'],
    ['_syslog._udp.web.shop.svc.clusterset.local', 'SRV', '0 100 514 web.shop.svc.clusterset.local'],
    ['_http._tcp.web.shop.svc.clusterset.local', 'A', NODATA],
    ['_tcp.web.shop.svc.clusterset.local', 'SRV', NODATA],
    ['_http._udp.web.shop.svc.clusterset.local', 'SRV', NO_NAME],
    ['_sctp.web.shop.svc.clusterset.local', 'SRV', NO_NAME],
    ['waiting.shop.svc.clusterset.local', 'A', NODATA],
    ['east.web.shop.svc.clusterset.local', 'A', NO_NAME],
    ['db-0.east.web.shop.svc.clusterset.local', 'A', NO_NAME],
    // headless
    ['db.shop.svc.clusterset.local', 'A', '10.1.0.1, 10.1.0.2'],
    ['db.shop.svc.clusterset.local', 'AAAA', 'fd00::9'],
    ['db-0.east.db.shop.svc.clusterset.local', 'A', '10.1.0.1'],
    ['db-0.west.db.shop.svc.clusterset.local', 'A', '10.1.0.1'],
    ['db-0.west.db.shop.svc.clusterset.local', 'AAAA', NODATA],
    ['fd00--9.west.db.shop.svc.clusterset.local', 'AAAA', 'fd00::9'],
    ['east.db.shop.svc.clusterset.local', 'A', NODATA],
    ['north.db.shop.svc.clusterset.local', 'A', NO_NAME],
    ['db-1.west.db.shop.svc.clusterset.local', 'A', NO_NAME],
    ['db-0.db.shop.svc.clusterset.local', 'A', NO_NAME],
    ['none.idle.svc.clusterset.local', 'A', NO_NAME],
    // what is above them
    ['shop.svc.clusterset.local', 'A', NODATA],
    ['idle.svc.clusterset.local', 'A', NO_NAME],
    ['nowhere.svc.clusterset.local', 'A', NO_NAME],
    ['svc.clusterset.local', 'A', NODATA],
    ['web.nowhere.svc.clusterset.local', 'A', NO_NAME],
    ['web.shop.pod.clusterset.local', 'A', NO_NAME],
    // the zone itself
    ['clusterset.local', 'SOA', 'SOA'],
    ['clusterset.local', 'NS', 'ns.dns.clusterset.local'],
    ['clusterset.local', 'A', NODATA],
    ['ns.dns.clusterset.local', 'A', '10.96.0.53'],
    ['dns.clusterset.local', 'A', NODATA],
    ['dns-version.clusterset.local', 'TXT', '1.0.0'],
    ['dns-version.clusterset.local', 'A', NODATA],
    // what is not answered
    ['web.shop.svc.clusterset.local', 'AXFR', 'REFUSED'],
    ['clusterset.local', 'IXFR', 'REFUSED'],
    ['clusterset.local', 'TKEY', 'NOTIMP'],
    ['web.shop.svc.cluster.local', 'A', 'REFUSED'],
    ['notclusterset.local', 'A', 'REFUSED'],
    ['local', 'A', 'REFUSED'],
    ['', 'NS', 'REFUSED'],
    // RFC 8482
    ['web.shop.svc.clusterset.local', 'ANY', 'HINFO'],
    ['nothing.shop.svc.clusterset.local', 'ANY', NO_NAME],
  ];
  for (const [name, type, expected] of cases) {
    it(`to ${name || 'the root'} ${type} is ${expected}`, () => assert.equal(told(ask(name, type)), expected));
  }

  it('lists each endpoint of a headless service that has a name, with its own port', () => {
    assert.deepEqual(told(ask('_http._tcp.db.shop.svc.clusterset.local', 'SRV')).split(', ').toSorted(), [
      '0 25 8080 db-0.east.db.shop.svc.clusterset.local',
      '0 25 8080 db-0.west.db.shop.svc.clusterset.local',
      '0 25 8080 db-1.east.db.shop.svc.clusterset.local',
      '0 25 8080 fd00--9.west.db.shop.svc.clusterset.local',
    ]);
  });

  it('gives the addresses behind an SRV record along', () => {
    const { additional } = ask('_http._tcp.web.shop.svc.clusterset.local', 'SRV');
    assert.deepEqual(
      additional.map(({ name, type, data }) => [name, type, data]),
      [
        ['web.shop.svc.clusterset.local', 'A', '10.96.1.1'],
        ['web.shop.svc.clusterset.local', 'AAAA', 'fd00::1'],
      ],
    );
  });

  it('says nothing about names that it may not know yet, and still refuses those of others', () => {
    const unknown = (name: string): string =>
      told(answer(undefined, { labels: name.split('.'), type: 1, class: 1 }, { turn: 0 }));
    assert.equal(unknown('web.shop.svc.clusterset.local'), 'SERVFAIL');
    assert.equal(unknown('example.org'), 'REFUSED');
  });

  it('speaks of the Internet class alone', () => {
    const question = { labels: ['clusterset', 'local'], type: RECORD_TYPES.TXT, class: 3 };
    assert.equal(answer(SHOP, question, { turn: 0 }).rcode, 'REFUSED');
  });

  it('begins with another address each turn', () => {
    const firsts = [0, 1, 2].map((turn) => ask('db.shop.svc.clusterset.local', 'A', SHOP, turn).answers[0]?.data);
    assert.deepEqual(firsts, ['10.1.0.1', '10.1.0.2', '10.1.0.1']);
  });

  it('keeps answers and their absence for 5 s, and the version for long', () => {
    assert.equal(ask('web.shop.svc.clusterset.local', 'A').answers[0]?.ttlS, 5);
    assert.equal(ask('nothing.shop.svc.clusterset.local', 'A').authority[0]?.ttlS, 5);
    assert.equal(ask('dns-version.clusterset.local', 'TXT').answers[0]?.ttlS, 28_800);
  });

  it('leaves out a name that would be longer than names may be, and keeps its address', () => {
    const long = 'n'.repeat(63);
    const zone = zoneOf(
      headless(`${long}/${long}`, [endpoint(long, '10.0.0.1', long), endpoint('east', '10.0.0.2', 'a')]),
    );
    assert.equal(told(ask(`${long}.${long}.svc.clusterset.local`, 'A', zone)), '10.0.0.1, 10.0.0.2');
    assert.equal(told(ask(`${long}.${long}.${long}.${long}.svc.clusterset.local`, 'A', zone)), NO_NAME);
    assert.equal(told(ask(`a.east.${long}.${long}.svc.clusterset.local`, 'A', zone)), '10.0.0.2');
  });
});
