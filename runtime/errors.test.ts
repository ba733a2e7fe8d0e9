import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNever, errorText, InvalidInputError, IsthmusError } from './errors.ts';

class SampleError extends IsthmusError {
  constructor(cause?: unknown) {
    super('sample', 'it did not work', { fields: { peer: 'west' }, hint: 'try again', cause });
  }
}

test('an error of ours has its class name, code, fields, hint and cause', () => {
  const cause = new Error('below');
  const error = new SampleError(cause);
  assert.deepEqual(
    [error.name, error.code, error.message, error.fields, error.hint, error.cause],
    ['SampleError', 'sample', 'it did not work', { peer: 'west' }, 'try again', cause],
  );
  assert.ok(error instanceof Error);
  assert.ok(!('cause' in new SampleError()));
});

test('invalid input carries every finding and counts them', () => {
  const finding = { severity: 'error', reason: 'X', message: 'is bad' } as const;
  assert.equal(new InvalidInputError('site.yaml', [finding]).message, 'site.yaml: 1 problem');
  const error = new InvalidInputError('site.yaml', [finding, finding]);
  assert.deepEqual([error.message, error.findings.length], ['site.yaml: 2 problems', 2]);
});

test('anything thrown has a text', () => {
  assert.deepEqual([errorText(new Error('a')), errorText('b'), errorText(undefined)], ['a', 'b', 'undefined']);
});

test('a value that the types exclude is an error that shows it', () => {
  assert.throws(() => assertNever({ kind: 'new' } as never), /unexpected value \{"kind":"new"\}/);
});
