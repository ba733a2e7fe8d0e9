import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Socket } from 'node:dgram';
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

  it('answers as many questions at once as the connection has room for, and the rest as answers are taken', async () => {
    const COUNT = 600;
    const addresses = Array.from({ length: 4_000 }, (_, at) => endpoint('east', `10.3.${at >> 8}.${at & 255}`));
    const large = zoneOf(headless('shop/large', addresses));
    const seen = { asked: 0 };
    const components = { clock: new SystemClock(), log: silentLogger, metrics: new Metrics() };
    const counted = (): Zone => {
      seen.asked += 1;
      return large;
    };
    await using patient = new DnsServer({ ...components, zone: counted }, { address: '127.0.0.1', port: 0 });
    await patient.start();
    const socket = connect(patient.port, '127.0.0.1');
    socket.pause();
    const question = framed(ask({ name: 'large.shop.svc.clusterset.local' }));
    socket.write(Buffer.concat(Array.from({ length: COUNT }, () => question)));
    while (seen.asked === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(seen.asked < COUNT / 2, `${seen.asked} answers were made for somebody who takes none`);
    let taken = 0;
    for await (const chunk of socket) {
      taken += (chunk as Buffer).length; // no encoding is set
      if (seen.asked === COUNT && taken > (COUNT - 1) * 60_000) break;
    }
  });

  it('does not answer to port 0, to which nothing can be sent', async (t) => {
    const bind = t.mock.method(Socket.prototype, 'bind');
    const components = { clock: new SystemClock(), log: silentLogger, metrics: new Metrics(), zone: () => SHOP };
    await using asked = new DnsServer(components, { address: '127.0.0.1', port: 0 });
    await asked.start();
    const [socket] = bind.mock.calls.map((call) => call.this as Socket);
    const sender = { address: '127.0.0.1', family: 'IPv4', port: 0, size: 1 };
    // As the kernel hands over what a raw socket sent; thrown here is thrown out of the process.
    socket?.emit('message', ask({ name: 'web.shop.svc.clusterset.local' }), sender);
    assert.match(await components.metrics.text(), /isthmus_dns_dropped_total\{reason="unreadable"\} 1/);
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
