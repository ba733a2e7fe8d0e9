import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type RespondInit, respond } from './respond.ts';
import { clusterSetIp, endpoint, headless, SHOP, zoneOf } from './testing/services.fixture.ts';
import { addressOf, ask, type Asked, type Told, told } from './testing/wire.fixture.ts';
import type { Zone } from './zone.ts';

const WEB = 'web.shop.svc.clusterset.local';
const UDP: RespondInit = { transport: 'udp', turn: 0 };
const TCP: RespondInit = { transport: 'tcp', turn: 0 };

function answered(message: Buffer, init: RespondInit = UDP, zone: Zone | undefined = SHOP): Told {
  const reply = respond(zone, message, init);
  assert.ok(reply, 'no answer');
  return told(reply.bytes);
}

function answer(asked: Asked, init: RespondInit = UDP, zone: Zone | undefined = SHOP): Told {
  return answered(ask(asked), init, zone);
}

function manyZone(count: number): Zone {
  const endpoints = Array.from({ length: count }, (_, index) =>
    endpoint('east', `10.1.${index >> 8}.${index & 255}`, `pod-${index}`),
  );
  return zoneOf(headless('shop/many', endpoints));
}

describe('a message on the wire', () => {
  it('is answered with the address, the id and the flags that belong to it', () => {
    const { id, flags, question, answers } = answer({ name: WEB, id: 77, flags: 0x0110 });
    assert.equal(id, 77);
    assert.equal(flags.toString(16), (0x8000 | 0x0400 | 0x0110).toString(16));
    assert.equal(question, WEB);
    assert.deepEqual(answers.map(addressOf), ['10.96.1.1']);
  });

  it('is found in any letters and answered in those that were asked', () => {
    const name = 'wEb.ShOp.SVC.cLuStErSeT.LoCaL';
    const { question, answers } = answer({ name });
    assert.equal(question, name);
    assert.deepEqual(
      answers.map((record) => [record.name, addressOf(record)]),
      [[name, '10.96.1.1']],
    );
  });

  it('does not take a dot inside of a label for the end of it', () => {
    const joined = ask({ name: WEB });
    joined[12] = 'web.shop'.length; // one label, `web.shop`, in the same octets
    joined[12 + 4] = '.'.charCodeAt(0);
    assert.equal(answered(joined).rcode, 3);
    assert.equal(answered(ask({ name: WEB })).rcode, 0);
  });

  it('names what it adds by the end of what was asked', () => {
    const { answers, additional } = answer({ name: '_http._tcp.db.shop.svc.clusterset.local', type: 33 }, TCP);
    assert.equal(answers.length, 4);
    assert.deepEqual(additional.map(({ name, type }) => `${name} ${type}`).toSorted(), [
      'db-0.east.db.shop.svc.clusterset.local 1',
      'db-0.west.db.shop.svc.clusterset.local 1',
      'db-1.east.db.shop.svc.clusterset.local 1',
      'fd00--9.west.db.shop.svc.clusterset.local 28',
    ]);
  });

  it('carries the SOA record when there is nothing, with the time for which that holds', () => {
    const { rcode, authority } = answer({ name: 'nothing.shop.svc.clusterset.local' });
    assert.equal(rcode, 3);
    const [soa] = authority;
    assert.deepEqual(
      [soa?.name, soa?.type, soa?.ttl, soa?.data.readUInt32BE(soa.data.length - 4)],
      ['clusterset.local', 6, 5, 5],
    );
  });

  for (const [client, bytesMax] of [
    [undefined, 512],
    [100, 512],
    [900, 900],
    [4096, 1232],
  ] as const) {
    it(`has at most ${bytesMax} octets over UDP for a client that ${client === undefined ? 'says nothing' : `takes ${client}`}`, () => {
      const message = ask({ name: 'many.shop.svc.clusterset.local', edns: client && { payload: client } });
      const reply = respond(manyZone(1_000), message, UDP);
      const { truncated, answers } = told(reply?.bytes ?? Buffer.alloc(0));
      assert.ok((reply?.bytes.length ?? 0) <= bytesMax && (reply?.bytes.length ?? 0) > bytesMax - 16);
      assert.ok(truncated && answers.length > 10);
    });
  }

  it('has all of a thousand addresses over TCP', () => {
    const { truncated, answers } = answer({ name: 'many.shop.svc.clusterset.local' }, TCP, manyZone(1_000));
    assert.deepEqual([truncated, new Set(answers.map(addressOf)).size], [false, 1_000]);
  });

  it('is as long as TCP allows, and marked, when even that is not enough', () => {
    const reply = respond(manyZone(4_000), ask({ name: '_http._tcp.many.shop.svc.clusterset.local', type: 33 }), TCP);
    assert.ok(reply && reply.bytes.length <= 65_535);
    assert.ok(told(reply.bytes).truncated);
  });

  it('leaves out what was not asked for before it cuts what was', () => {
    const zone = manyZone(8);
    const { truncated, answers, additional } = answer(
      { name: '_http._tcp.many.shop.svc.clusterset.local', type: 33, edns: { payload: 600 } },
      UDP,
      zone,
    );
    assert.deepEqual([truncated, answers.length], [false, 8]);
    assert.ok(additional.length < 9, 'eight addresses and the OPT record');
  });

  it('answers EDNS with EDNS, and a later version of it with BADVERS', () => {
    const [option] = answer({ name: WEB, edns: { payload: 4096, flags: 0x8000 } }).additional;
    assert.deepEqual([option?.name, option?.type, option?.class, option?.ttl], ['', 41, 1232, 0x8000]);
    const { rcode, answers, additional } = answer({ name: WEB, edns: { payload: 4096, version: 1 } });
    assert.deepEqual([rcode, answers.length, additional[0]?.ttl], [0, 0, 0x0100_0000]);
    assert.deepEqual(answer({ name: WEB }).additional, []);
  });

  const unfit: readonly (readonly [string, (message: Buffer) => Buffer, number])[] = [
    ['two questions', (message) => Buffer.from(message.with(5, 2)), 1],
    ['no question', (message) => Buffer.from(message.with(5, 0)), 1],
    ['an answer in it', (message) => Buffer.from(message.with(7, 1)), 1],
    ['65,535 additional records', (message) => Buffer.from(message.with(10, 255).with(11, 255)), 1],
    ['a name that ends too early', (message) => message.subarray(0, 20), 1],
    ['a pointer in its question', (message) => Buffer.from(message.with(12, 0xc0)), 1],
    ['an additional record that is not there', (message) => Buffer.from(message.with(11, 1)), 1],
    ['the opcode of an update', (message) => Buffer.from(message.with(2, 5 << 3)), 4],
  ];
  for (const [what, spoil, rcode] of unfit) {
    it(`with ${what} gets a header with code ${rcode}`, () => {
      const { rcode: said, id, question } = answered(spoil(ask({ name: WEB })));
      assert.deepEqual([said, id, question], [rcode, 4711, undefined]);
    });
  }

  it('with two OPT records is malformed', () => {
    const message = ask({ name: WEB, edns: { payload: 1232 } });
    const twice = Buffer.concat([message, message.subarray(message.length - 11)]);
    twice[11] = 2;
    assert.equal(answered(twice).rcode, 1);
  });

  it('that is an answer itself, or no message, is not answered', () => {
    assert.equal(respond(SHOP, ask({ name: WEB, flags: 0x8180 }), UDP), undefined);
    assert.equal(respond(SHOP, Buffer.alloc(11), UDP), undefined);
  });

  it('never breaks the server, whatever its octets, and what comes back is well-formed', () => {
    const base = ask({ name: '_http._tcp.db.shop.svc.clusterset.local', type: 33, edns: { payload: 1232 } });
    const spoiled = fc
      .array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 6 })
      .map((changes) => changes.reduce((bytes, [at, octet]) => Buffer.from(bytes.with(at, octet)), base));
    const random = fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(spoiled, random), fc.constantFrom(UDP, TCP), fc.nat(), (message, { transport }, turn) => {
        const reply = respond(SHOP, message, { transport, turn });
        if (reply === undefined) return;
        const { id, flags } = told(reply.bytes);
        assert.equal(id, message.readUInt16BE(0));
        assert.notEqual(flags & 0x8000, 0);
        assert.ok(transport === 'tcp' || reply.bytes.length <= 1232);
      }),
      { numRuns: 3_000 },
    );
  });

  it('gets a well-formed answer for each name and type of the zone', () => {
    const names = fc.constantFrom(
      WEB,
      'db.shop.svc.clusterset.local',
      'db-0.east.db.shop.svc.clusterset.local',
      'clusterset.local',
      'dns-version.clusterset.local',
      'ns.dns.clusterset.local',
      'x.y',
      '',
    );
    fc.assert(
      fc.property(names, fc.oneof(fc.nat(65_535), fc.constantFrom(1, 2, 6, 16, 28, 33, 255)), (name, type) => {
        assert.equal(answer({ name, type }).question, name);
      }),
      { numRuns: 500 },
    );
  });

  it('is answered with what the zone is by then', () => {
    const changed = zoneOf(clusterSetIp('shop/web', ['10.96.9.9']));
    assert.deepEqual(answer({ name: WEB }, UDP, changed).answers.map(addressOf), ['10.96.9.9']);
  });
});
