import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ManualClock, SystemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { DnsServer } from './server.ts';
import { framed } from './tcp-frames.ts';
import { endpoint, headless, SHOP, zoneOf } from './testing/services.fixture.ts';
import { ask, told } from './testing/wire.fixture.ts';
import type { Zone } from './zone.ts';

const MANY = headless(
  'shop/many',
  Array.from({ length: 300 }, (_, index) => endpoint('east', `10.2.${index >> 8}.${index & 255}`)),
);

describe('the DNS server', () => {
  const metrics = new Metrics();
  let zone: Zone | undefined;
  let server: DnsServer;
  let resolver: Resolver;
  before(async () => {
    const components = { clock: new SystemClock(), log: silentLogger, metrics, zone: () => zone };
    server = new DnsServer(components, { address: '127.0.0.1', port: 0 });
    await server.start();
    resolver = new Resolver({ timeout: 2_000, tries: 2 });
    resolver.setServers([`127.0.0.1:${server.port}`]);
  });
  after(() => server.stop());

  it('says that it failed until it knows the zone', async () => {
    zone = undefined;
    await assert.rejects(resolver.resolve4('web.shop.svc.clusterset.local'), { code: 'ESERVFAIL' });
  });

  it('gives a resolver addresses, services, the version and the reason why not', async () => {
    zone = SHOP;
    assert.deepEqual(await resolver.resolve4('web.shop.svc.clusterset.local', { ttl: true }), [
      { address: '10.96.1.1', ttl: 5 },
    ]);
    assert.deepEqual(await resolver.resolve6('web.shop.svc.clusterset.local'), ['fd00::1']);
    const [service] = await resolver.resolveSrv('_http._tcp.web.shop.svc.clusterset.local');
    assert.deepEqual([service?.name, service?.port], ['web.shop.svc.clusterset.local', 80]);
    assert.deepEqual(await resolver.resolveTxt('dns-version.clusterset.local'), [['1.0.0']]);
    assert.equal((await resolver.resolveSoa('clusterset.local')).nsname, 'ns.dns.clusterset.local');
    await assert.rejects(resolver.resolve4('none.shop.svc.clusterset.local'), { code: 'ENOTFOUND' });
    await assert.rejects(resolver.resolveSrv('web.shop.svc.clusterset.local'), { code: 'ENODATA' });
    await assert.rejects(resolver.resolve4('example.org'), { code: 'EREFUSED' });
  });

  it('gives over TCP what a datagram cannot hold', async () => {
    zone = zoneOf(MANY);
    assert.equal(new Set(await resolver.resolve4('many.shop.svc.clusterset.local')).size, 300);
    const text = await metrics.text();
    assert.match(text, /isthmus_dns_queries_total\{transport="tcp",type="A",rcode="NOERROR"\} 1/);
  });

  it('answers many questions on one connection in their order, however their octets arrive', async () => {
    zone = SHOP;
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    const names = ['web', 'db', 'nothing'].map((name) => `${name}.shop.svc.clusterset.local`);
    const bytes = Buffer.concat(names.map((name, id) => framed(ask({ name, id }))));
    for (const octet of bytes) socket.write(Buffer.from([octet]));
    let received = Buffer.alloc(0);
    const answers: string[] = [];
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]); // no encoding is set
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const { id, rcode } = told(received.subarray(2, end));
        answers.push(`${id} ${rcode}`);
        received = received.subarray(end);
      }
      if (answers.length === names.length) break;
    }
    assert.deepEqual(answers, ['0 0', '1 0', '2 3']);
  });

  it('ends a connection whose message is too long, or no message', async () => {
    for (const nonsense of [Buffer.from([0xff, 0xff, 0]), framed(Buffer.from('nonsense'))]) {
      const socket = connect(server.port, '127.0.0.1', () => socket.write(nonsense));
      socket.on('error', () => undefined); // a reset ends it too
      socket.resume();
      await once(socket, 'close');
    }
    assert.match(await metrics.text(), /isthmus_dns_dropped_total\{reason="frame-too-long"\} 1/);
  });

  it('ends a connection that asks nothing, even one that trickles', async () => {
    const clock = new ManualClock();
    const components = { clock, log: silentLogger, metrics: new Metrics(), zone: () => SHOP };
    await using idle = new DnsServer(components, { address: '127.0.0.1', port: 0 });
    await idle.start();
    const socket = connect(idle.port, '127.0.0.1', () => socket.write(Buffer.from([0])));
    const closed = once(socket, 'close');
    socket.resume();
    while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(15_000);
    await closed;
    assert.equal(clock.waiting, 0);
  });

  it('frees its port when it stops', async () => {
    const components = { clock: new SystemClock(), log: silentLogger, metrics: new Metrics(), zone: () => SHOP };
    const first = new DnsServer(components, { address: '127.0.0.1', port: 0 });
    await first.start();
    const { port } = first;
    await assert.rejects(new DnsServer(components, { address: '127.0.0.1', port }).start(), { code: 'EADDRINUSE' });
    await first.stop();
    const second = new DnsServer(components, { address: '127.0.0.1', port });
    await second.start();
    await second.stop();
  });
});
