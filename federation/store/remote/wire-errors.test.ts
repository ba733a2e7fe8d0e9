import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { IsthmusError } from '../../../runtime/errors.ts';
import { orderOf, text } from '../conformance/rig.fixture.ts';
import {
  FencedError,
  JoinRefusedError,
  StaleCommitError,
  StoreFileError,
  StoreLimitError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../contract.ts';
import { errorFromWire, errorToWire, ServerUnreachableError, SessionRefusedError } from './wire-errors.ts';

const PLACE = 'store:15090';

describe('errors across the wire', () => {
  it('arrive as what they were: class, message, hint and fields', () => {
    const errors = [
      new FencedError(orderOf({ epoch: 4, writerId: 'w' })),
      new StaleCommitError('too old', { stored: orderOf({}) }),
      new JoinRefusedError('used', 'make a new one'),
      new StoreLimitError('record in bytes', 7, 5),
      new StoreRefusedError('not yours', { hint: 'look', fields: { a: 1 } }),
    ];
    for (const error of errors) {
      const arrived = roundTrip(error);
      assert.equal(arrived.constructor, error.constructor);
      assert.deepEqual(
        [arrived.code, arrived.message, arrived.hint, arrived.fields],
        [error.code, error.message, error.hint, error.fields],
      );
    }
  });

  it('make an unavailable store of a damaged file, and keep what may be done about it', () => {
    const arrived = roundTrip(new StoreFileError('the file is damaged', { hint: 'move it away' }));
    assert.ok(arrived instanceof StoreUnavailableError && !(arrived instanceof ServerUnreachableError));
    assert.deepEqual(
      [arrived.message, arrived.hint],
      [`the store server at ${PLACE}: the file is damaged`, 'move it away'],
    );
  });

  it('say nothing of what went wrong inside the server', () => {
    const wire = errorToWire(new TypeError('cannot read /var/lib/secret'));
    assert.deepEqual([wire.code, wire.details], ['INTERNAL', 'the store server failed']);
    assert.ok(!Buffer.from(wire.error).includes('secret'));
  });

  it('leave their fields behind when those are too large for a header', () => {
    const arrived = roundTrip(new StoreRefusedError('no', { fields: { large: 'x'.repeat(20_000) } }));
    assert.ok(arrived instanceof StoreRefusedError);
    assert.deepEqual(arrived.fields, {});
  });

  it('are never anything but an unavailable store when a server sends nonsense', () => {
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.json().map(text),
      fc
        .constantFrom('fenced', 'store-limit', 'x')
        .map((code) => text(`{"code":"${code}","message":"m","fields":{"stored":7}}`)),
      fc.constant(text('{'.repeat(10_000))),
    );
    fc.assert(
      fc.property(octets, fc.nat(20), (error, code) => {
        const arrived = errorFromWire({ code, details: 'x', error, nonce: undefined }, PLACE);
        const expected = code === 16 ? SessionRefusedError : StoreUnavailableError;
        assert.ok(arrived instanceof expected, `${arrived.name} for ${Buffer.from(error).toString()}`);
      }),
      { numRuns: 200 },
    );
  });
});

function roundTrip(error: IsthmusError): IsthmusError {
  const { details, error: octets } = errorToWire(error);
  return errorFromWire({ code: 9, details, error: octets, nonce: undefined }, PLACE);
}
