import type { SortedMap } from '../../federation/model/sorted-map.ts';
import { assertNever, type Finding } from '../../runtime/errors.ts';
import type { ObjectKey } from '../api/objects.ts';
import type { ExportVerdict } from './verdict.ts';

/** What is wrong with exports, and how many there are of each outcome, carried on from change to change. */
const FINDINGS_MAX = 100;

export class ExportFindings {
  readonly #outcomes = new Map<ExportVerdict['outcome'], number>([
    ['exported', 0],
    ['invalid', 0],
    ['failed', 0],
    ['leaving', 0],
  ]);
  readonly #counted = new Map<ObjectKey, ExportVerdict['outcome']>();
  readonly #byExport = new Map<ObjectKey, readonly Finding[]>();
  #findings: readonly Finding[] = [];

  get outcomes(): ReadonlyMap<ExportVerdict['outcome'], number> {
    return this.#outcomes;
  }

  /** The first hundred: a list of a thousand is read by nobody. */
  get findings(): readonly Finding[] {
    return this.#findings;
  }

  update(changed: ReadonlySet<ObjectKey>, exports: SortedMap<ObjectKey, ExportVerdict>): void {
    let isNews = false;
    for (const key of changed) {
      const verdict = exports.get(key);
      this.#count(key, verdict?.outcome);
      const findings = verdict === undefined ? [] : findingsOf(verdict);
      if (findings.length === 0) isNews = this.#byExport.delete(key) || isNews;
      else {
        this.#byExport.set(key, findings);
        isNews = true;
      }
    }
    if (isNews) this.#findings = [...this.#byExport.values()].flat().slice(0, FINDINGS_MAX);
  }

  #count(key: ObjectKey, outcome: ExportVerdict['outcome'] | undefined): void {
    const before = this.#counted.get(key);
    if (before !== undefined) this.#outcomes.set(before, (this.#outcomes.get(before) ?? 0) - 1);
    if (outcome === undefined) this.#counted.delete(key);
    else {
      this.#counted.set(key, outcome);
      this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    }
  }
}

function findingsOf(verdict: ExportVerdict): readonly Finding[] {
  const found = (severity: Finding['severity'], reason: string, message: string): Finding => ({
    severity,
    reason,
    message: `ServiceExport ${verdict.key}: ${message}`,
  });
  switch (verdict.outcome) {
    case 'exported':
      return verdict.notes.map((note) => found('warning', 'ExportedInPart', note));
    case 'invalid':
      return [found('error', verdict.reason, verdict.message)];
    case 'failed':
      return [found('error', 'ExportFailed', verdict.message)];
    case 'leaving':
      return [];
    default:
      return assertNever(verdict);
  }
}
