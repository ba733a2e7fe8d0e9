import type { Clock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import type { KubeObject } from '../api/objects.ts';
import { KubeApiError, type KubeTransport } from '../api/transport.ts';
import type { ApplierMetrics, WriteVerb } from './applier-metrics.ts';
import { applyObject, applyStatus, createObject, deleteObject, readObject } from './calls.ts';
import { type Desired, isOurs, type Manifest, type ObjectRef, objectId, type Removal } from './desired.ts';
import { isApplied } from './differs.ts';
import { setbackOf } from './setback.ts';
import { statusToWrite } from './status.ts';

/** An object of this name is there, and it is not ours: it stays as it is. */
export class ForeignObjectError extends IsthmusError {
  constructor(ref: ObjectRef) {
    super('foreign-object', `${objectId(ref)} exists and is not ours`, {
      hint: 'delete or rename it, or let the service have another name',
    });
  }
}

export interface ObjectWriterComponents {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly metrics: ApplierMetrics;
}

/** Brings one object from what it is to what it shall be, in the fewest writes. */
export class ObjectWriter {
  readonly #transport: KubeTransport;
  readonly #clock: Clock;
  readonly #metrics: ApplierMetrics;

  constructor(components: ObjectWriterComponents) {
    this.#transport = components.transport;
    this.#clock = components.clock;
    this.#metrics = components.metrics;
  }

  /**
   * The resource versions that its writes made, in their order; none when there was nothing to write.
   * @throws ForeignObjectError, and as `KubeTransport.call`
   */
  async apply({ ref, manifest, status }: Desired, present: KubeObject | undefined): Promise<readonly string[]> {
    const versions: string[] = [];
    let object = present;
    if (manifest !== undefined) {
      const written = await this.#applyMain(ref, manifest, present);
      if (written !== undefined) versions.push(written.metadata.resourceVersion ?? '');
      object = written ?? present;
    }
    if (object === undefined || status === undefined) return versions;
    const wanted = statusToWrite(status, object, this.#clock.epochMs());
    if (wanted === undefined) return versions;
    const { uid } = object.metadata;
    const written = await this.#counted(ref, 'status', () => applyStatus(this.#transport, ref, wanted, uid));
    // Somebody's edit came between the two writes: this version is no more ours alone, and is to be looked at.
    if (manifest !== undefined && isApplied(manifest, object) && !isApplied(manifest, written)) return versions;
    return [...versions, written.metadata.resourceVersion ?? ''];
  }

  /** Done as well when it is not there any more, or another one is. */
  async remove(removal: Removal): Promise<void> {
    try {
      await this.#counted(removal.ref, 'delete', () => deleteObject(this.#transport, removal));
    } catch (error) {
      if (!(error instanceof KubeApiError) || (error.status !== 404 && error.status !== 409)) throw error;
    }
  }

  async #applyMain(
    ref: ObjectRef,
    manifest: Manifest,
    present: KubeObject | undefined,
  ): Promise<KubeObject | undefined> {
    if (present === undefined) return this.#create(ref, manifest);
    if (!isOurs(present)) throw new ForeignObjectError(ref);
    if (isApplied(manifest, present)) return undefined;
    const { uid } = present.metadata;
    return this.#counted(ref, 'apply', () => applyObject(this.#transport, ref, manifest, uid));
  }

  /** Nothing of that name is known. There may be one all the same: a stranger's, or ours without its marks or too new. */
  async #create(ref: ObjectRef, manifest: Manifest): Promise<KubeObject> {
    try {
      return await this.#counted(ref, 'create', () => createObject(this.#transport, ref, manifest));
    } catch (error) {
      if (!(error instanceof KubeApiError) || error.status !== 409) throw error;
    }
    const found = await readObject(this.#transport, ref);
    if (!isOurs(found)) throw new ForeignObjectError(ref);
    const { uid } = found.metadata;
    return this.#counted(ref, 'apply', () => applyObject(this.#transport, ref, manifest, uid));
  }

  async #counted<T>({ resource }: ObjectRef, verb: WriteVerb, write: () => Promise<T>): Promise<T> {
    try {
      const answer = await write();
      this.#metrics.wrote(resource, verb);
      return answer;
    } catch (error) {
      this.#metrics.failed(resource, verb, setbackOf(error).kind);
      throw error;
    }
  }
}
