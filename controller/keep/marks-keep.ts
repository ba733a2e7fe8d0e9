import { decodeMarks, encodeMarks, type MarksContent, NO_MARKS } from '../../federation/sync/marks-codec.ts';
import type { MarksMirror } from '../../federation/sync/marks.ts';
import { mergeMarks } from '../../federation/sync/marks-merge.ts';
import type { KeptData, KeptObject } from '../../kubernetes/keep/kept-object.ts';
import { PacedWriter } from '../../kubernetes/keep/paced-writer.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Finding } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';

/**
 * The marks in the ConfigMap `isthmus-marks`, for a pod that begins with an empty disk. An epoch is there before it is used.
 * The marks of peers follow within a second: a pod that is lost in that second leaves its successor below what it had accepted
 * by what came in it, and a store that is hostile just then could show that much of the past once more. Nothing
 * that was there is ever undone: what is written is the higher of both.
 */
export interface KeepComponents {
  readonly object: KeptObject;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const ENTRY = 'marks.json';
const DAMAGED_ENTRY = 'marks.json.damaged';
const EVERY_MS = 1_000;

export class MarksKeep implements MarksMirror {
  readonly #object: KeptObject;
  readonly #writer: PacedWriter;
  #newest: MarksContent = NO_MARKS;
  #isLeader = false;

  constructor(components: KeepComponents) {
    this.#object = components.object;
    const write = (): Promise<void> => this.#write();
    this.#writer = new PacedWriter({ ...components, write }, { what: components.object.what, everyMs: EVERY_MS });
  }

  changed(content: Uint8Array): void {
    this.#newest = mergeMarks(this.#newest, decodeMarks(content) ?? NO_MARKS);
    // A follower sees what its leader sees; one of them is enough to tell.
    if (this.#isLeader) this.#writer.mark();
  }

  async flush(): Promise<void> {
    await this.#writer.flush();
  }

  lead(isLeader: boolean): void {
    this.#isLeader = isLeader;
    if (isLeader) this.#writer.mark();
  }

  /** What is kept; damaged content counts as none, with a finding. @throws KubeApiError, KubeUnreachableError */
  async read(signal?: AbortSignal): Promise<{ content: MarksContent | undefined; findings: readonly Finding[] }> {
    const octets = (await this.#object.read(signal))?.get(ENTRY);
    const content = octets && decodeMarks(octets);
    if (octets === undefined || content !== undefined) return { content, findings: [] };
    const message = `${ENTRY} of ${this.#object.what} is damaged; epoch and version come from the own head in the store`;
    return { content, findings: [{ severity: 'error', reason: 'MarksLost', message }] };
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }

  async #write(): Promise<void> {
    await this.#object.change((data) => withMarks(data, this.#newest));
  }
}

function withMarks(data: KeptData | undefined, newest: MarksContent): KeptData | undefined {
  const before = data?.get(ENTRY);
  const kept = before && decodeMarks(before);
  const wanted = encodeMarks(kept === undefined ? newest : mergeMarks(kept, newest));
  if (before !== undefined && Buffer.compare(before, wanted) === 0) return undefined;
  const next = new Map(data).set(ENTRY, wanted);
  // For whoever wants to know what happened to it.
  return before !== undefined && kept === undefined ? next.set(DAMAGED_ENTRY, before) : next;
}
