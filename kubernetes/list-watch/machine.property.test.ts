/**
 * The machine against a model of an API server with a history, that compacts, refuses, breaks off, is restored from a backup
 * and answers with pages of one snapshot. Whatever happens: nothing that the server still has in the list is ever told as
 * gone by a list, and once the server behaves, what is known becomes what is there.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertNever } from '../../runtime/errors.ts';
import type { FailureKind } from './failure.ts';
import { KnownObjects } from './known-objects.ts';
import { step } from './machine.ts';
import { type Action, initialState, type Input } from './states.ts';

interface Thing {
  readonly key: string;
  readonly value: number;
}

type Contents = ReadonlyMap<string, number>;
interface Change {
  readonly version: number;
  readonly type: 'changed' | 'deleted';
  readonly object: Thing;
}

class ModelServer {
  version = 10;
  oldest = 10;
  #contents = new Map<string, number>();
  #history: Change[] = [];
  #backup: { version: number; contents: Contents; history: readonly Change[] } | undefined;
  readonly #snapshots = new Map<number, Contents>([[10, new Map()]]);

  get contents(): Contents {
    return this.#contents;
  }

  write(key: string, value: number | undefined): void {
    if (value === undefined && !this.#contents.has(key)) return;
    this.version += 1;
    const object = { key, value: value ?? this.#contents.get(key) ?? 0 };
    if (value === undefined) this.#contents.delete(key);
    else this.#contents.set(key, value);
    this.#history.push({ version: this.version, type: value === undefined ? 'deleted' : 'changed', object });
    this.#snapshots.set(this.version, new Map(this.#contents));
  }

  compact(): void {
    this.oldest = this.version;
  }

  backUp(): void {
    this.#backup = { version: this.version, contents: new Map(this.#contents), history: [...this.#history] };
  }

  /** The only thing that no watch survives: the server restarts with it, so that connections end. */
  restore(): boolean {
    if (this.#backup === undefined) return false;
    const { version, contents, history } = this.#backup;
    this.version = version;
    this.oldest = Math.min(this.oldest, version);
    this.#contents = new Map(contents);
    this.#history = [...history];
    for (const known of this.#snapshots.keys()) if (known > version) this.#snapshots.delete(known);
    return true;
  }

  page(token: string | undefined, limit: number): Input<Thing> {
    const [at = this.version, from = 0] = token === undefined ? [] : token.split(':').map(Number);
    const snapshot = this.#snapshots.get(at);
    if (at < this.oldest || snapshot === undefined) return failure('expired');
    const all = [...snapshot].map(([key, value]) => ({ key, value })).sort((a, b) => (a.key < b.key ? -1 : 1));
    const end = limit === 0 ? all.length : from + limit;
    const continueToken = end < all.length ? `${at}:${end}` : undefined;
    return { type: 'page', objects: all.slice(from, end), version: String(at), continueToken };
  }

  after(version: string): Change | 'expired' | undefined {
    if (Number(version) < this.oldest) return 'expired';
    return this.#history.find((change) => change.version > Number(version));
  }
}

function failure(kind: FailureKind, afterMs = 0): Input<Thing> {
  return { type: 'failed', failure: { kind, message: kind }, afterMs };
}

const FAULTS = ['forbidden', 'absent', 'busy', 'throttled', 'unreachable', 'malformed'] as const;
const command = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ do: 'go' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      value: fc.option(fc.nat(5), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), kind: fc.constantFrom(...FAULTS) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('compact', 'backUp', 'restore', 'close', 'silent', 'bookmark') }),
  },
);

class Rig {
  readonly server = new ModelServer();
  readonly known = new KnownObjects<number>({ same: (one, other) => one === other });
  state = initialState(2);
  next: Action = { type: 'wait', ms: 0 };
  /** Versions that the server had, and that a restore made untrue: the known state may stem from them. */
  doubtful = false;

  constructor() {
    this.take({ type: 'start' });
  }

  take(input: Input<Thing>): void {
    const taken = step(this.state, input, { fraction: 0.5 });
    this.state = taken.state;
    if (taken.next.type !== 'read') this.next = taken.next;
    for (const emission of taken.emit) {
      if (emission.type === 'begin') this.known.begin();
      if (emission.type === 'changed') for (const { key, value } of emission.objects) this.known.set(key, value);
      if (emission.type === 'deleted') this.known.delete(emission.object.key);
      if (emission.type !== 'complete') continue;
      this.known.complete();
      this.doubtful = false;
    }
  }

  /** The server answers what it was asked, in order. */
  go(): void {
    const { next, server } = this;
    switch (next.type) {
      case 'list':
        return this.take(server.page(next.continueToken, next.limit));
      case 'probe':
        return this.take({ type: 'probed', version: String(server.version) });
      case 'wait':
        return this.take({ type: 'due' });
      case 'watch': {
        const change = server.after(this.state.version ?? '0');
        if (change === 'expired') return this.take(failure('expired'));
        if (change === undefined) return this.take({ type: 'opened' });
        return this.take({ ...change, version: String(change.version) });
      }
      case 'read':
        return undefined;
      default:
        return assertNever(next);
    }
  }

  restore(): void {
    const behind = this.server.version;
    if (!this.server.restore()) return;
    if (this.server.version < behind) this.doubtful = true;
    this.take(failure('unreachable'));
  }
}

test('what is known becomes what is there, after any past', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const rig = new Rig();
      for (const each of commands) {
        if (each.do === 'go') rig.go();
        else if (each.do === 'write' && 'key' in each) rig.server.write(each.key, each.value);
        else if (each.do === 'fail' && 'kind' in each) rig.take(failure(each.kind));
        else if (each.do === 'compact') rig.server.compact();
        else if (each.do === 'backUp') rig.server.backUp();
        else if (each.do === 'restore') rig.restore();
        else if (each.do === 'close') rig.take({ type: 'closed', afterMs: 1_000_000 });
        else if (each.do === 'silent') rig.take({ type: 'silent' });
        else if (rig.state.phase === 'watching' && !rig.doubtful) {
          // A server sends a bookmark only behind the changes that it has told.
          const change = rig.server.after(rig.state.version ?? '0');
          if (change === undefined) rig.take({ type: 'bookmark', version: String(rig.server.version) });
        }
      }
      // A restore that no version shows is healed by the next complete list; that one comes within the hour.
      for (let hour = 0; hour < 200; hour += 1) {
        rig.go();
        if (rig.doubtful && rig.state.phase === 'watching') rig.take({ type: 'closed', afterMs: 1_000_000 });
      }
      assert.equal(rig.state.phase, 'watching');
      assert.equal(rig.state.trouble, undefined);
      // deepEqual of maps does not look at their order.
      assert.deepEqual(new Map(rig.known.values), new Map(rig.server.contents));
    }),
    { numRuns: 400 },
  );
});

test('no fault takes an object away that the server never lost', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const rig = new Rig();
      rig.server.write('kept', 1);
      rig.server.backUp();
      while (rig.state.phase !== 'watching') rig.go();
      for (const each of commands) {
        if (each.do === 'go') rig.go();
        else if (each.do === 'write' && 'key' in each) rig.server.write(each.key, each.value);
        else if (each.do === 'fail' && 'kind' in each) rig.take(failure(each.kind));
        else if (each.do === 'compact') rig.server.compact();
        else if (each.do === 'restore') rig.restore();
        else if (each.do === 'silent') rig.take({ type: 'silent' });
        assert.equal(rig.known.values.get('kept'), 1);
      }
    }),
    { numRuns: 200 },
  );
});
