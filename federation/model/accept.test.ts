import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Accepted, AcceptInput } from './accept.ts';
import { ACCEPT_RULE, accept, acceptBeat } from './accept.ts';
import { RecordDigest } from './digest.ts';
import type { Head } from './head.ts';
import { exampleService, recordSet } from './testing/records.fixture.ts';
import { atAddress, good, goodDigest, mark, REFUSED_CASES, west, withRecord } from './testing/refused-cases.fixture.ts';
import { NOW_MS } from './testing/signed-cluster.fixture.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function accepted(input: AcceptInput): Accepted {
  const outcome = accept(input);
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome;
}

describe('accept', () => {
  it('accepts an honest cluster and gives its view, records, digest and mark', () => {
    const outcome = accepted(west.input(good, { version: 7, beat: 2 }));
    assert.equal(outcome.view.cluster, 'west');
    assert.equal(outcome.view.joinedAtMs, 500);
    assert.deepEqual([...outcome.view.services.keys()], ['default/shop']);
    assert.deepEqual(new Map(outcome.records), good);
    assert.deepEqual(outcome.mark, {
      order: { incarnation: 1, epoch: 1, writerId: 'writer-1', version: 7, beat: 2 },
      digest: goodDigest,
    });
  });

  for (const refused of REFUSED_CASES) {
    it(`refuses ${refused.name}`, () => {
      const outcome = accept(refused.input());
      assert.ok(!outcome.ok);
      assert.deepEqual([outcome.clause, outcome.reason], [refused.clause, refused.reason], outcome.message);
    });
  }

  for (const clause of ACCEPT_RULE) {
    it(`needs the clause ${clause.name}: without it some case is accepted`, () => {
      const rest = ACCEPT_RULE.filter((other) => other !== clause);
      const own = REFUSED_CASES.filter((refused) => refused.clause === clause.name);
      assert.ok(own.some((refused) => accept(refused.input(), rest).ok));
    });
  }

  it('has a refused case for every clause and no case without one', () => {
    const named = new Set(REFUSED_CASES.map((refused) => refused.clause));
    assert.deepEqual([...named].sort(), ACCEPT_RULE.map((clause) => clause.name).sort());
  });

  it('refuses a cluster that the roster does not know', () => {
    const outcome = accept(west.input(good, {}, { roster: west.roster({}, { members: [] }) }));
    assert.ok(!outcome.ok);
    assert.equal(outcome.reason, 'NotAMember');
  });

  it('refuses a head that is not JSON, and one of a newer schema, by name', () => {
    const broken = accept({ ...west.input(), signed: { ...west.input().signed, bytes: text('nonsense') } });
    assert.deepEqual(broken.ok ? [] : [broken.clause, broken.reason], ['head', 'NotJson']);
    const newer = accept(west.input(good, { schema: 2 }));
    assert.deepEqual(newer.ok ? [] : [newer.clause, newer.reason], ['head', 'SchemaTooNew']);
  });

  it('refuses records without a cluster record', () => {
    const records = recordSet([west.chain, exampleService()]);
    const outcome = accept(west.input(records));
    assert.deepEqual(outcome.ok ? [] : [outcome.reason], ['NoClusterRecord']);
  });

  it('refuses a controller whose certificate has expired at the judged time', () => {
    const outcome = accept(west.input(good, {}, { atMs: NOW_MS + 25 * 3_600_000 }));
    assert.deepEqual(outcome.ok ? [] : [outcome.clause], ['signature']);
  });

  it('passes over kinds of records that it does not know', () => {
    const outcome = accepted(west.input(withRecord('facts/kernel', text('{"anything":true}'))));
    assert.equal(outcome.records.size, good.size + 1);
  });

  it('takes a head at the mark again, so that a restart can load its last good', () => {
    accepted(west.input(good, { version: 5 }, { mark: mark({ version: 5 }, goodDigest) }));
  });

  it('accepts a lower version of a new incarnation', () => {
    const roster = west.roster({ incarnation: 2 });
    accepted(west.input(good, { incarnation: 2, version: 1 }, { roster, mark: mark({ version: 9 }, goodDigest) }));
  });

  it('lets loopback gateways through in a clusterset made for development', () => {
    accepted(west.input(atAddress('127.0.0.1'), {}, { roster: west.roster({}, { dev: true }) }));
  });
});

describe('accept with a previous state', () => {
  const records = west.records([exampleService(), exampleService({ name: 'cart' })]);
  const before = accepted(west.input(records));

  it('keeps the identity of everything that did not change and decodes nothing of it', () => {
    const copies = new Map([...records].map(([key, bytes]) => [key, Uint8Array.from(bytes)]));
    const after = accepted(west.input(copies, { version: 2 }, { previous: before, mark: before.mark }));
    assert.equal(after.records, before.records);
    assert.equal(after.digest, before.digest);
    assert.equal(after.view.services, before.view.services);
    assert.equal(after.view.gateways, before.view.gateways);
    assert.equal(after.view.info, before.view.info);
    assert.equal(after.view.head.version, 2);
  });

  it('replaces only the changed service', () => {
    const cart = exampleService({ name: 'cart', ready: [] });
    const changed = west.records([exampleService(), cart]);
    const after = accepted(west.input(changed, { version: 2 }, { previous: before, mark: before.mark }));
    const shop = [...after.view.services].find(([key]) => key === 'default/shop');
    assert.equal(shop?.[1], [...before.view.services].find(([key]) => key === 'default/shop')?.[1]);
    assert.deepEqual([...after.view.services.values()][0], cart);
    assert.equal(after.digest.hex, RecordDigest.of(changed).hex);
  });

  it('drops a service that the new version no longer has', () => {
    const after = accepted(west.input(west.records(), { version: 2 }, { previous: before, mark: before.mark }));
    assert.deepEqual([...after.view.services.keys()], ['default/shop']);
  });

  it('finds a broken record in the change even when the rest was accepted before', () => {
    const broken = new Map([...records, ['service/default/cart', text('{}')]]);
    const outcome = accept(west.input(broken, { version: 2 }, { previous: before, mark: before.mark }));
    assert.deepEqual(outcome.ok ? [] : [outcome.clause], ['records']);
  });
});

describe('acceptBeat', () => {
  const before = accepted(west.input(good, { version: 5 }));
  const beat = (head: Partial<Head>, roster = west.roster()): Parameters<typeof acceptBeat>[0] => {
    const { records: _, ...input } = west.input(good, { version: 5, beat: 1, ...head }, { roster });
    return { ...input, previous: before };
  };

  it('moves the mark and the head, and keeps everything else as it is', () => {
    const after = acceptBeat(beat({ beat: 3, acks: { drain: 'gw-1' } }));
    assert.ok(after.ok);
    assert.equal(after.mark.order.beat, 3);
    assert.deepEqual(after.view.head.acks, { drain: 'gw-1' });
    assert.equal(after.view.services, before.view.services);
    assert.equal(after.records, before.records);
    assert.equal(after.digest, before.digest);
  });

  const refusals: readonly [string, Parameters<typeof acceptBeat>[0], string][] = [
    ['a head of another version', beat({ version: 6 }), 'NotABeat'],
    ['a beat with another digest', beat({ digest: 'e'.repeat(64) }), 'Equivocation'],
    ['a beat of a quarantined member', beat({}, west.roster({ status: 'quarantined' })), 'MemberNotActive'],
    ['a forged beat', { ...beat({}), signed: { ...beat({}).signed, signature: new Uint8Array(64) } }, 'HeadSignature'],
  ];
  for (const [name, input, reason] of refusals) {
    it(`refuses ${name}`, () => {
      const outcome = acceptBeat(input);
      assert.deepEqual(outcome.ok ? [] : [outcome.reason], [reason]);
    });
  }

  it('refuses an older beat than the newest accepted', () => {
    const newest = acceptBeat(beat({ beat: 9 }));
    assert.ok(newest.ok);
    const outcome = acceptBeat({ ...beat({ beat: 8 }), previous: newest });
    assert.deepEqual(outcome.ok ? [] : [outcome.reason], ['Rollback']);
  });
});
