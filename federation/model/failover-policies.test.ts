import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type FailoverPolicy, policyKey, resolvePolicies } from './failover-policies.ts';
import type { FailoverOrder } from './failover-order.ts';
import { parseClusterId, serviceKey } from './ids.ts';

function order(cluster: string): FailoverOrder {
  return { places: [{ kind: 'cluster', cluster: parseClusterId(cluster) }], rest: 'allow' };
}

function policy(name: string, fields: Partial<FailoverPolicy> = {}): FailoverPolicy {
  return { namespace: 'shop', name, createdAtMs: 0, order: order(name), ...fields };
}

const cart = serviceKey('shop', 'cart');

test('a policy that names the service decides for it, and one for its namespace for the rest, without conflict', () => {
  const { orders, verdicts } = resolvePolicies([policy('wide'), policy('own', { services: ['cart'], createdAtMs: 9 })]);
  assert.deepEqual(orders.services.get(cart), order('own'));
  assert.deepEqual(orders.namespaces.get('shop'), order('wide'));
  assert.deepEqual(verdicts.get('shop/wide'), { holds: 'namespace', lost: [] });
  assert.deepEqual(verdicts.get('shop/own'), { holds: ['cart'], lost: [] });
});

test('of two policies for one service the oldest holds, and the younger is told by which', () => {
  const young = policy('a', { services: ['cart', 'web'], createdAtMs: 2 });
  const { orders, verdicts } = resolvePolicies([young, policy('b', { services: ['cart'], createdAtMs: 1 })]);
  assert.deepEqual(orders.services.get(cart), order('b'));
  assert.deepEqual(orders.services.get(serviceKey('shop', 'web')), order('a'));
  assert.deepEqual(verdicts.get('shop/a'), { holds: ['web'], lost: [{ service: 'cart', winner: 'b' }] });
});

test('of two policies of one age the first by name holds', () => {
  const { orders, verdicts } = resolvePolicies([policy('b'), policy('a')]);
  assert.deepEqual(orders.namespaces.get('shop'), order('a'));
  assert.deepEqual(verdicts.get('shop/b'), { holds: [], lost: [{ winner: 'a' }] });
});

test('policies of other namespaces are none of its business', () => {
  const { orders, verdicts } = resolvePolicies([policy('a'), policy('b', { namespace: 'bank' })]);
  assert.equal(orders.namespaces.size, 2);
  assert.deepEqual(verdicts.get('bank/b'), { holds: 'namespace', lost: [] });
});

test('an order that stays as it was keeps its identity, and so does the whole when all of them do', () => {
  const before = resolvePolicies([policy('a', { services: ['cart'] }), policy('b', { services: ['web'] })]);
  const same = resolvePolicies([policy('b', { services: ['web'] }), policy('a', { services: ['cart'] })], before);
  assert.equal(same.orders, before.orders);
  const changed = [policy('a', { services: ['cart'] }), policy('b', { services: ['web'], order: order('c') })];
  const after = resolvePolicies(changed, before);
  assert.notEqual(after.orders, before.orders);
  assert.equal(after.orders.services.get(cart), before.orders.services.get(cart));
});

test('the outcome does not depend on the order in which policies are met, and each name is held by exactly one', () => {
  const arbitrary = fc.uniqueArray(
    fc.record({
      namespace: fc.constantFrom('shop', 'bank'),
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      createdAtMs: fc.nat({ max: 2 }),
      services: fc.option(fc.uniqueArray(fc.constantFrom('cart', 'web'), { minLength: 1 }), { nil: undefined }),
      order: fc.constantFrom('x', 'y').map(order),
    }),
    { selector: policyKey },
  );
  fc.assert(
    fc.property(arbitrary, (policies) => {
      const one = resolvePolicies(policies);
      assert.deepEqual(resolvePolicies(policies.toReversed()), one);
      const holds = [...one.verdicts.values()].flatMap(({ holds: names }): readonly string[] =>
        names === 'namespace' ? ['*'] : names,
      );
      assert.equal(holds.length, one.orders.services.size + one.orders.namespaces.size);
    }),
    { numRuns: 100 },
  );
});
