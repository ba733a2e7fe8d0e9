import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InvalidInputError } from '../../../runtime/errors.ts';
import { formatPlace, formatStoreAddress, parseStoreAddress } from './address.ts';

const PIN = 'a1'.repeat(32);
const OTHER_PIN = '0f'.repeat(32);
const CLAIM = 'Zm9vYmFyYmF6cXV4Zm9vYmFy-_';

describe('store addresses', () => {
  it('read what they write: host names, IPv4, IPv6, several pins, a claim', () => {
    for (const host of ['store.example.org', '10.0.0.1', '2001:db8::1']) {
      const address = { host, port: 15_091, pins: [PIN, OTHER_PIN], claim: CLAIM };
      assert.deepEqual(parseStoreAddress(formatStoreAddress(address)), address);
    }
  });

  it('have a default port', () => {
    assert.deepEqual(parseStoreAddress(`isthmus://store?pin=sha256:${PIN}`), {
      host: 'store',
      port: 15_090,
      pins: [PIN],
    });
  });

  it('name the field that is wrong', () => {
    const wrong: Readonly<Record<string, string>> = {
      'https://store:1': 'url',
      'isthmus:store': 'host',
      isthmus: 'url',
      [`isthmus://st_ore:1?pin=sha256:${PIN}`]: 'host',
      [`isthmus://store:0?pin=sha256:${PIN}`]: 'port',
      [`isthmus://u:p@store:1?pin=sha256:${PIN}`]: 'user',
      [`isthmus://store:1/path?pin=sha256:${PIN}`]: 'path',
      [`isthmus://store:1?pin=sha256:${PIN}#x`]: 'fragment',
      'isthmus://store:1': 'pin',
      [`isthmus://store:1?pin=${PIN}`]: 'pin',
      [`isthmus://store:1?pin=sha256:${PIN.slice(2)}`]: 'pin',
      [`isthmus://store:1?pin=sha256:${PIN.toUpperCase()}`]: 'pin',
      [`isthmus://store:1?${`pin=sha256:${PIN}&`.repeat(5)}`]: 'pin',
      [`isthmus://store:1?pin=sha256:${PIN}&pinn=x`]: 'pinn',
      [`isthmus://store:1?pin=sha256:${PIN}&claim=short`]: 'claim',
      [`isthmus://store:1?pin=sha256:${PIN}&x=${'y'.repeat(3_000)}`]: 'url',
    };
    for (const [text, field] of Object.entries(wrong)) {
      assert.throws(
        () => parseStoreAddress(text),
        (error) => error instanceof InvalidInputError && error.findings.some((finding) => finding.field === field),
        text,
      );
    }
  });

  it('collect every finding, and never print the claim secret', () => {
    assert.throws(
      () => parseStoreAddress('isthmus://st_ore:1/x?claim=topsecret'),
      (error) => {
        assert.ok(error instanceof InvalidInputError);
        assert.deepEqual(
          error.findings.map(({ field }) => field),
          ['host', 'path', 'pin', 'claim'],
        );
        assert.ok(!JSON.stringify([error.message, error.findings]).includes('topsecret'));
        return true;
      },
    );
  });

  it('have a form for logs without secrets', () => {
    assert.equal(formatPlace({ host: '::1', port: 5 }), '[::1]:5');
    assert.equal(formatPlace(parseStoreAddress(`isthmus://h:1?pin=sha256:${PIN}&claim=${CLAIM}`)), 'h:1');
  });
});
