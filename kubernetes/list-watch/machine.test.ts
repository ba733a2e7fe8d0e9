import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Failure, FailureKind } from './failure.ts';
import { step } from './machine.ts';
import { type Action, type Emission, initialState, type Input, type State } from './states.ts';

type In = Input<string>;
const HALF = { fraction: 0.5 };

function run(
  inputs: readonly In[],
  from: State = initialState(),
): { state: State; emit: Emission<string>[]; next: Action } {
  let state = from;
  let next: Action = { type: 'read' };
  const emit: Emission<string>[] = [];
  for (const input of inputs) {
    const taken = step(state, input, HALF);
    state = taken.state;
    next = taken.next;
    emit.push(...taken.emit);
  }
  return { state, emit, next };
}

function page(objects: readonly string[], version: string, continueToken?: string): In {
  return { type: 'page', objects, version, continueToken };
}

function failed(kind: FailureKind, init: Partial<Failure> & { afterMs?: number } = {}): In {
  return { type: 'failed', failure: { kind, message: kind, ...init }, afterMs: init.afterMs ?? 0 };
}

function changed(object: string, version: string): In {
  return { type: 'changed', object, version };
}

const START: In = { type: 'start' };
const DUE: In = { type: 'due' };
const OPENED: In = { type: 'opened' };
const WATCHING = [START, page(['a', 'b'], '10'), OPENED] as const;
const types = (emit: readonly Emission<string>[]): string[] => emit.map(({ type }) => type);

describe('the machine of list and watch', () => {
  it('lists page by page, and watches from the version of the list', () => {
    const { emit, next } = run([START, page(['a'], '10', 'more'), page(['b'], '10')]);
    assert.deepEqual(emit, [
      { type: 'begin' },
      { type: 'changed', objects: ['a'] },
      { type: 'changed', objects: ['b'] },
      { type: 'complete' },
    ]);
    assert.deepEqual(next, { type: 'watch', version: '10', seconds: 320 });
    assert.deepEqual(run([START, page(['a'], '10', 'more')]).next, { type: 'list', limit: 500, continueToken: 'more' });
  });

  it('tells changes and follows bookmarks without telling them', () => {
    const bookmark: In = { type: 'bookmark', version: '30' };
    const { state, emit } = run([
      ...WATCHING,
      changed('c', '11'),
      { type: 'deleted', object: 'a', version: '12' },
      bookmark,
    ]);
    assert.deepEqual(emit.slice(3), [
      { type: 'changed', objects: ['c'] },
      { type: 'deleted', object: 'a' },
    ]);
    assert.equal(state.version, '30');
  });

  it('resumes at the last version when the watch has run its time', () => {
    const { next, emit } = run([...WATCHING, changed('c', '11'), { type: 'closed', afterMs: 320_000 }]);
    assert.deepEqual(next, { type: 'watch', version: '11', seconds: 320 });
    assert.equal(types(emit).filter((type) => type === 'complete').length, 1);
  });

  it('lists once in many watches, whatever the versions say', () => {
    const hours: In[] = Array.from({ length: 12 }, () => ({ type: 'closed', afterMs: 320_000 }) as const);
    assert.equal(run([...WATCHING, ...hours.slice(1)]).next.type, 'watch');
    assert.equal(run([...WATCHING, ...hours]).next.type, 'list');
  });

  it('asks for the newest version before it resumes after an end that was not due', () => {
    for (const end of [
      { type: 'closed', afterMs: 100 },
      failed('unreachable'),
      failed('busy'),
      failed('throttled'),
    ] as const) {
      const ended = run([...WATCHING, end]);
      assert.equal(ended.next.type, 'wait');
      assert.equal(run([DUE], ended.state).next.type, 'probe');
      const probed = (version: string): Action => run([DUE, { type: 'probed', version }], ended.state).next;
      assert.equal(probed('10').type, 'watch');
      assert.equal(probed('11').type, 'watch');
      assert.equal(probed('9').type, 'list', 'a server with an older past was restored');
      assert.equal(probed('abc').type, 'watch', 'versions that are no numbers say nothing');
    }
  });

  it('reconnects a silent watch at once, and keeps what is known', () => {
    const { next, emit } = run([...WATCHING, { type: 'silent' }]);
    assert.equal(next.type, 'probe');
    assert.deepEqual(types(emit), ['begin', 'changed', 'complete']);
  });

  it('lists again at once when the version has expired, and waits when it goes on expiring', () => {
    for (const kind of ['expired', 'ahead'] as const) {
      const first = run([...WATCHING, failed(kind)]);
      assert.deepEqual(first.next, { type: 'list', limit: 500, continueToken: undefined });
      assert.equal(first.state.trouble, undefined);
      const second = run([page(['a'], '20'), failed(kind)], first.state);
      assert.equal(second.next.type, 'wait');
      assert.equal(run([DUE], second.state).next.type, 'list');
      const calm = run([page(['a'], '20'), changed('a', '21'), failed(kind)], first.state);
      assert.equal(calm.next.type, 'list');
    }
  });

  it('begins a list anew when its pages expire, and then asks for it in one piece', () => {
    let at = run([START]);
    for (const limit of [500, 500, 0]) {
      assert.deepEqual(at.next, { type: 'list', limit, continueToken: undefined });
      at = run([page(['a'], '10', 'more'), failed('expired'), DUE], at.state);
      assert.ok(!types(at.emit).includes('complete'));
    }
  });

  it('asks for the same page again when it came too often, and for all pages when the server was away', () => {
    const listing = run([START, page(['a'], '10', 'more')]);
    const throttled = run([failed('throttled', { retryAfterMs: 7_000 })], listing.state);
    assert.deepEqual(throttled.next, { type: 'wait', ms: 7_000 });
    const again = run([DUE], throttled.state);
    assert.deepEqual(again.next, { type: 'list', limit: 500, continueToken: 'more' });
    assert.deepEqual(types(run([page(['b'], '10')], again.state).emit), ['changed', 'complete']);
    for (const kind of ['busy', 'unreachable', 'malformed', 'forbidden', 'absent'] as const) {
      const anew = run([failed(kind), DUE], listing.state);
      assert.deepEqual(anew.next, { type: 'list', limit: 500, continueToken: undefined });
      assert.deepEqual(types(run([page(['b'], '10')], anew.state).emit), ['begin', 'changed', 'complete']);
    }
  });

  it('asks for smaller pages when one is too large', () => {
    const limits: number[] = [];
    let at = run([START]);
    for (let round = 0; round < 6; round += 1) {
      if (at.next.type === 'list') limits.push(at.next.limit);
      at = run([failed('too-large'), DUE], at.state);
    }
    assert.deepEqual(limits, [500, 100, 20, 4, 1, 1]);
  });

  it('completes nothing that was refused, and says so until the server tells again', () => {
    for (const kind of ['forbidden', 'absent', 'busy', 'throttled', 'unreachable', 'malformed', 'too-large'] as const) {
      const refused = run([START, failed(kind), DUE, failed(kind)]);
      assert.deepEqual(refused.emit, []);
      assert.equal(refused.state.trouble?.kind, kind);
      assert.equal(run([DUE, page([], '10')], refused.state).state.trouble, undefined);
      const cut = run([...WATCHING, failed(kind)]);
      assert.deepEqual(types(cut.emit), ['begin', 'changed', 'complete']);
      assert.equal(cut.state.trouble?.kind, kind);
    }
  });

  it('forgets the trouble of a watch when the next one opens, not when it may only list', () => {
    const probing = run([...WATCHING, failed('forbidden'), DUE, { type: 'probed', version: '10' }]);
    assert.equal(probing.state.trouble?.kind, 'forbidden');
    assert.equal(run([OPENED], probing.state).state.trouble, undefined);
  });

  it('lists a kind whose definition came back, because its past is another one', () => {
    assert.equal(run([...WATCHING, failed('absent'), DUE]).next.type, 'list');
  });

  it('asks again for a line that cannot be read, and lists when it still cannot', () => {
    const once = run([...WATCHING, failed('malformed'), DUE]);
    assert.equal(once.next.type, 'probe');
    assert.equal(run([{ type: 'probed', version: '10' }, failed('malformed'), DUE], once.state).next.type, 'list');
  });

  it('lists when versions run backwards under an open watch', () => {
    assert.equal(run([...WATCHING, changed('a', '9')]).next.type, 'list');
    assert.equal(run([...WATCHING, { type: 'bookmark', version: '9' }]).next.type, 'list');
    const again = run([...WATCHING, changed('a', '9'), page(['a'], '9'), changed('a', '8')]);
    assert.equal(again.next.type, 'wait', 'but not in a circle');
  });

  it('ignores what it does not know', () => {
    const { state, next } = run([...WATCHING, { type: 'unknown' }]);
    assert.equal(next.type, 'read');
    assert.deepEqual(state, run(WATCHING).state);
  });

  it('waits longer from failure to failure, up to a limit, and starts from the beginning after an answer', () => {
    let at = run([START, failed('busy')]);
    const waits: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      if (at.next.type === 'wait') waits.push(at.next.ms);
      at = run([DUE, failed('busy')], at.state);
    }
    assert.deepEqual(waits, [375, 750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500, 22_500]);
    assert.deepEqual(run([DUE, page([], '1'), failed('busy')], at.state).next, { type: 'wait', ms: 375 });
  });

  it('does not punish a proxy that cuts a quiet watch, but does slow down before a server that cuts each', () => {
    const after = (afterMs: number): number => {
      let at = run([...WATCHING, failed('unreachable', { afterMs })]);
      for (let round = 0; round < 4; round += 1) {
        const inputs = [DUE, { type: 'probed', version: '10' }, OPENED, failed('unreachable', { afterMs })] as const;
        at = run(inputs, at.state);
      }
      return at.next.type === 'wait' ? at.next.ms : 0;
    };
    assert.equal(after(30_000), 375);
    assert.equal(after(50), 6_000);
  });

  it('stays where it is when an answer comes that nobody asked for', () => {
    const watching = run(WATCHING).state;
    const strays: readonly In[] = [page(['x'], '99'), { type: 'probed', version: '1' }, DUE];
    for (const stray of strays)
      assert.deepEqual(step(watching, stray, HALF), { state: watching, emit: [], next: { type: 'read' } });
    const waiting = run([START, failed('busy')]).state;
    const late: readonly In[] = [changed('x', '99'), { type: 'closed', afterMs: 1 }, { type: 'silent' }];
    for (const stray of late) assert.deepEqual(step(waiting, stray, HALF).emit, []);
  });
});
