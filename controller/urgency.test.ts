import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleService, exampleView } from '../federation/model/testing/records.fixture.ts';
import { urgencyOf } from './urgency.ts';

const base = exampleView('east', [exampleService()]);
/** The same cluster with another service in the place of the first. */
const withService = (fields: Parameters<typeof exampleService>[0]) => ({
  ...base,
  services: exampleView('east', [exampleService(fields)]).services,
});

for (const [name, after, expected] of [
  ['another weight', withService({ ready: [{ port: 80, ready: 2 }] }), 'weight'],
  [
    'the first ready endpoint of a zone',
    withService({
      ready: [
        { port: 80, ready: 3 },
        { port: 80, zone: 'b', ready: 1 },
      ],
    }),
    'availability',
  ],
  ['the loss of the last ready endpoint', withService({ ready: [{ port: 80, ready: 0 }] }), 'availability'],
  ['another port', withService({ ports: [] }), 'availability'],
  ['another service', withService({ name: 'cart' }), 'availability'],
  ['a withdrawn service', { ...base, services: new Map() }, 'availability'],
  ['other gateways', { ...base, gateways: [] }, 'availability'],
] as const) {
  test(`${name} goes out by its ${expected}`, () => {
    assert.equal(urgencyOf(base, after), expected);
  });
}

test('what is published first is urgent', () => {
  assert.equal(urgencyOf(undefined, base), 'availability');
});
