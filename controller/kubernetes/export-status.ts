import type { ServiceKey } from '../../federation/model/ids.ts';
import type { ServiceConflict } from '../../federation/model/state.ts';
import { serviceRecordKey } from '../../federation/model/record-keys.ts';
import type { RecordBytes } from '../../federation/model/records.ts';
import type { ObjectKey, WantedCondition } from '../../kubernetes/api/objects.ts';
import { SERVICE_EXPORTS } from '../../kubernetes/api/resources.ts';
import type { Applier } from '../../kubernetes/apply/applier.ts';
import type { ObjectRef } from '../../kubernetes/apply/desired.ts';
import type { EventRecorder } from '../../kubernetes/events/event-recorder.ts';
import { exportConditions } from '../../kubernetes/exports/conditions.ts';
import { exportOccurrences } from '../../kubernetes/exports/export-events.ts';
import type { Derived } from '../derive.ts';
import type { KubernetesPart } from './part.ts';

/**
 * Tells users what became of their ServiceExports, in the conditions of the API. Everything that a condition depends on
 * (the verdict, what the store has confirmed, what the merge found in conflict) leads here; only what changes is written.
 */
export interface ExportStatusComponents {
  readonly applier: Applier;
  readonly part: Pick<KubernetesPart, 'services' | 'reflectors'>;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly mayWrite: () => boolean;
}

const NO_CONFLICTS: readonly ServiceConflict[] = [];

export class ExportStatus {
  readonly #components: ExportStatusComponents;
  readonly #undo: (() => void)[] = [];
  #derived: Derived;
  /** As they were wanted last: Events tell of changes. */
  readonly #told = new Map<ObjectKey, readonly WantedCondition[]>();
  /** Of each exported service the octets that a store has confirmed. */
  #published: ReadonlyMap<string, RecordBytes> = new Map();

  constructor(components: ExportStatusComponents, init: { readonly derived: Derived }) {
    this.#components = components;
    this.#derived = init.derived;
  }

  start(): void {
    const { services, reflectors } = this.#components.part;
    this.#undo.push(
      services.onExports((changed) => this.#tell(changed)),
      reflectors.statuses.exports.onChange(({ changed }) => {
        for (const [key, object] of changed) {
          if (object === undefined) this.#components.applier.forget(refOf(key));
          else this.#components.applier.recheck(refOf(key));
        }
      }),
    );
    this.#tell(services.exports.keys());
  }

  derived(derived: Derived): void {
    const before = this.#derived;
    this.#derived = derived;
    if (before.state.services === derived.state.services && before.own === derived.own) return;
    this.#tell(this.#components.part.services.exports.keys());
  }

  /** A store has confirmed these records of ours. */
  published(records: ReadonlyMap<string, RecordBytes>): void {
    const before = this.#published;
    this.#published = records;
    const { exports } = this.#components.part.services;
    this.#tell(
      [...exports.keys()].filter((key) => {
        const record = serviceRecordKey(key);
        return before.has(record) !== records.has(record);
      }),
    );
  }

  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #tell(keys: Iterable<ObjectKey>): void {
    for (const key of keys) this.#tellOne(key);
  }

  #tellOne(key: ObjectKey): void {
    const { applier, part } = this.#components;
    const verdict = part.services.exports.get(key);
    if (verdict === undefined) {
      this.#told.delete(key);
      applier.forget(refOf(key));
      return;
    }
    const { own, state, world } = this.#derived;
    if (world.leaving === true) {
      // Nobody will be here to tell what becomes of it.
      applier.want({ ref: refOf(key), status: { conditions: [] } });
      return;
    }
    const record = serviceRecordKey(key);
    const failed = own.findings.find(({ message }) => message.includes(JSON.stringify(record)));
    const conditions = exportConditions({
      verdict,
      published: this.#published.has(record),
      failure: failed?.message,
      // A key of an export is that of its service.
      conflicts: state.services.get(key as ServiceKey)?.conflicts ?? NO_CONFLICTS,
    });
    const { events, mayWrite } = this.#components;
    if (mayWrite()) {
      for (const occurrence of exportOccurrences(verdict, conditions, this.#told.get(key))) events.record(occurrence);
    }
    this.#told.set(key, conditions);
    if (conditions.length === 0) applier.forget(refOf(key));
    else applier.want({ ref: refOf(key), status: { conditions } });
  }
}

function refOf(key: ObjectKey): ObjectRef {
  const slash = key.indexOf('/');
  return { resource: SERVICE_EXPORTS, namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
