import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { arpFrame, etherFrame, ipv4Frame, pcapFile, type SegmentInit, tcpFrame } from './pcap.fixture.ts';
import { type Scan, scanCapture, Scanner } from './scan.ts';
import { judgeWire, type WireRules } from './verdict.ts';

const MARKER = 'isthmus-plaintext-marker';
const INIT = { markers: [MARKER], privateRanges: ['10.0.0.0/24'] };
const CLIENT_HELLO = Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0]);

function segment(payload: string | Buffer, more: Partial<SegmentInit> = {}): Buffer {
  return tcpFrame({
    source: '192.0.2.1',
    sourcePort: 40_000,
    destination: '192.0.2.2',
    destinationPort: 15_443,
    payload,
    ...more,
  });
}

function scan(frames: readonly Buffer[]): Scan {
  const scanner = new Scanner(INIT);
  for (const frame of frames) scanner.add({ frame, wireLength: frame.length });
  return scanner.result();
}

async function scanFile(content: Buffer): Promise<Scan> {
  const folder = await mkdtemp(join(tmpdir(), 'pcap-'));
  try {
    await writeFile(join(folder, 'wire.pcap'), content);
    return await scanCapture(join(folder, 'wire.pcap'), INIT);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('scan of a wire', () => {
  test('counts packets and payload by source, destination and listening port', () => {
    const answer = segment('world', {
      source: '192.0.2.2',
      sourcePort: 15_443,
      destination: '192.0.2.1',
      destinationPort: 40_000,
    });
    const { flows, packets, payloadBytes } = scan([
      segment('hello'),
      answer,
      segment(''),
      segment('x', { sourcePort: 40_001 }),
    ]);
    assert.deepEqual([packets, payloadBytes], [4, 11]);
    assert.deepEqual(flows, [
      { source: '192.0.2.1', destination: '192.0.2.2', port: 15_443, packets: 3, payloadBytes: 6 },
      { source: '192.0.2.2', destination: '192.0.2.1', port: 15_443, packets: 1, payloadBytes: 5 },
    ]);
  });

  test('finds the marker, however it is cut into segments, exactly once', () => {
    const text = `HTTP/1.1 200 OK\r\nx: ${MARKER}\r\n`;
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((left, right) => left - right), text.length];
        const pieces = at.slice(1).map((end, index) => segment(text.slice(at[index], end)));
        assert.equal(scan([...pieces, segment('behind it')]).plaintext, 1);
      }),
      { numRuns: 60 },
    );
  });

  test('does not join what different directions or connections said', () => {
    const [head, tail] = [MARKER.slice(0, 10), MARKER.slice(10)];
    assert.equal(scan([segment(head), segment(tail, { sourcePort: 40_001 })]).plaintext, 0);
    assert.equal(scan([segment(head), segment(tail, { source: '192.0.2.3' })]).plaintext, 0);
  });

  test('finds private addresses in headers, in ARP and spelled out in a payload', () => {
    assert.equal(scan([segment('', { source: '10.0.0.10' })]).privateAddresses, 1);
    assert.equal(scan([arpFrame('192.0.2.1', '10.0.0.1')]).privateAddresses, 1);
    assert.equal(scan([segment('host: 10.0.0.10:80')]).privateAddresses, 1);
    assert.equal(
      scan([segment('host: 110.0.1.10', { source: '10.0.1.10' }), arpFrame('192.0.2.1', '192.0.2.2')]).privateAddresses,
      0,
    );
  });

  test('finds the marker in UDP, fragments, IPv6 and unknown frames too', () => {
    const payload = Buffer.from(`12345678${MARKER}`);
    const ends = { source: '192.0.2.1', destination: '192.0.2.2', payload };
    const found = scan([
      ipv4Frame({ ...ends, protocol: 17 }),
      ipv4Frame({ ...ends, protocol: 6, fragment: 0x2000 }),
      ipv4Frame({ ...ends, protocol: 47 }),
      etherFrame(0x86dd, payload),
      etherFrame(0x88cc, payload),
      Buffer.from(MARKER.slice(0, 3)),
    ]);
    assert.equal(found.plaintext, 5);
    assert.deepEqual(found.others, { broken: 1, 'ether-88cc': 1, fragment: 1, 'ip-47': 1, ipv6: 1, udp: 1 });
  });

  test('does not take the padding of a short frame for payload', () => {
    assert.equal(scan([segment('')]).payloadBytes, 0);
  });

  test('no frame, however broken, ends it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(0x0800, 0x0806, 0x86dd), (bytes, type) => {
        assert.equal(scan([Buffer.from(bytes), etherFrame(type, Buffer.from(bytes))]).packets, 2);
      }),
      { numRuns: 200 },
    );
  });
});

describe('capture file', () => {
  test('is read in both byte orders, also when it is larger than one read', async () => {
    const frames = Array.from({ length: 400 }, (_, index) => segment(`${index} `.repeat(200)));
    for (const endian of ['little', 'big'] as const) {
      const { packets, truncated } = await scanFile(pcapFile([...frames, segment(MARKER)], endian));
      assert.deepEqual([packets, truncated], [401, 0]);
    }
  });

  test('that is cut off, foreign, or of another link is refused', async () => {
    const good = pcapFile([segment('hello')]);
    await assert.rejects(scanFile(good.subarray(0, good.length - 1)), /ends in the middle of a packet/);
    await assert.rejects(scanFile(good.subarray(0, 20)), /too short/);
    await assert.rejects(scanFile(Buffer.alloc(100)), /not a pcap/);
    await assert.rejects(scanFile(pcapFile([], 'little', 113)), /link type 113 is not Ethernet/);
    const huge = Buffer.from(good);
    huge.writeUInt32LE(0xffff_ffff, 24 + 8);
    await assert.rejects(scanFile(huge), /claims 4294967295/);
  });
});

describe('verdict on a wire', () => {
  const rules: WireRules = {
    hosts: ['192.0.2.1', '192.0.2.2'],
    ports: [15_443],
    expected: [{ source: '192.0.2.1', destination: '192.0.2.2', port: 15_443 }],
  };
  const clean = [segment(CLIENT_HELLO), segment('secret')];
  const reasons = (frames: readonly Buffer[], dropped = 0): string[] =>
    judgeWire(scan(frames), dropped, rules).findings.map(({ reason }) => reason);

  test('is good when only TLS between gateways was seen', () => {
    assert.deepEqual(judgeWire(scan(clean), 0, rules), { ok: true, findings: [] });
    assert.deepEqual(reasons([...clean, arpFrame('192.0.2.1', '192.0.2.2')]), []);
  });

  const bad: readonly [string, readonly Buffer[], readonly string[]][] = [
    ['plaintext', [...clean, segment(MARKER)], ['Plaintext']],
    ['a private address', [...clean, segment('10.0.0.7')], ['PrivateAddress']],
    ['a stranger', [...clean, segment('', { source: '192.0.2.9' })], ['StrangeFlow']],
    ['another port', [...clean, segment('', { destinationPort: 80 })], ['StrangeFlow']],
    ['something that is not TCP', [...clean, etherFrame(0x86dd, Buffer.alloc(40))], ['NotTcp']],
    ['nothing at all', [], ['MissingFlow', 'NoTls']],
    ['packets without payload only', [segment('')], ['MissingFlow', 'NoTls']],
  ];
  for (const [what, frames, expected] of bad) {
    test(`is bad when there was ${what}`, () => assert.deepEqual(reasons(frames), expected));
  }

  test('is bad when packets were dropped or cut short by the capture', () => {
    assert.deepEqual(reasons(clean, 3), ['CaptureDropped']);
    assert.deepEqual(
      judgeWire({ ...scan(clean), truncated: 1 }, 0, rules).findings.map(({ reason }) => reason),
      ['CaptureTruncated'],
    );
  });
});
