import { createHash } from 'node:crypto';
import { assertNever } from '../../../runtime/errors.ts';
import type { SeededRandom } from '../../../runtime/random.ts';
import type { KubeObject, ServiceObject } from '../../api/objects.ts';
import { KubeApiError, type KubeRequest, type KubeTransport, KubeUnreachableError } from '../../api/transport.ts';

/**
 * As much of an API server as server-side apply by one manager needs, in memory, so that thousands of histories can be
 * tried: it fails when told to, and its news is delivered when the test says so. How a real one behaves is tested on a real one.
 */
export class SmallServer implements KubeTransport {
  /** By path. */
  readonly objects = new Map<string, KubeObject>();
  /** Not yet told to anyone, in order. */
  readonly news: { readonly path: string; readonly object: KubeObject | undefined }[] = [];
  failsOf = 0;
  readonly #random: SeededRandom;
  #version = 10;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  async call(request: KubeRequest): Promise<unknown> {
    await Promise.resolve();
    const isFailing = this.#random.fraction() < this.failsOf;
    // Half of the failures strike after the deed: the answer is lost.
    const isBefore = this.#random.fraction() < 0.5;
    if (isFailing && isBefore) throw this.#failure();
    const answer = this.#answer(request);
    if (isFailing) throw this.#failure();
    return answer;
  }

  async *lines(): AsyncGenerator<string> {
    // Nobody watches by lines here.
  }

  /** As a user does. */
  delete(path: string): void {
    if (!this.objects.delete(path)) return;
    this.news.push({ path, object: undefined });
  }

  /** As a user does, to a field that is ours. Who takes away the label as well takes the object out of our sight. */
  edit(path: string): void {
    const object = this.objects.get(path);
    if (object !== undefined) this.#put(path, { ...object, metadata: { ...object.metadata, annotations: {} } });
  }

  #answer({ method, path: asked, body }: KubeRequest): unknown {
    const isStatus = asked.endsWith('/status');
    const path = isStatus ? asked.slice(0, -'/status'.length) : asked;
    const before = this.objects.get(path);
    switch (method) {
      case 'GET':
        if (before === undefined) throw refused(404, 'NotFound');
        return before;
      case 'DELETE': {
        if (before === undefined) throw refused(404, 'NotFound');
        const { preconditions } = body as { preconditions: { uid: string } }; // as the applier sends it
        if (preconditions.uid !== before.metadata.uid) throw refused(409, 'Conflict');
        this.delete(path);
        return {};
      }
      case 'PATCH':
        return this.#patch(path, before, { applied: body as KubeObject, isStatus }); // as above
      case 'POST':
      case 'PUT':
        throw refused(405, 'MethodNotAllowed');
      default:
        return assertNever(method);
    }
  }

  #patch(
    path: string,
    before: KubeObject | undefined,
    { applied, isStatus }: { readonly applied: KubeObject; readonly isStatus: boolean },
  ): KubeObject {
    const { uid, resourceVersion } = applied.metadata;
    if (before === undefined && (isStatus || uid !== undefined)) throw refused(isStatus ? 404 : 409, 'Conflict');
    if (before !== undefined && resourceVersion !== undefined) throw refused(409, 'Conflict');
    if (before !== undefined && uid !== undefined && uid !== before.metadata.uid) throw refused(409, 'Conflict');
    const status = { ...(isStatus ? applied : (before ?? {})) } as { readonly status?: unknown };
    const main = isStatus && before !== undefined ? before : this.#withAddress(path, applied);
    const generation = (before?.metadata.generation ?? 0) + (isStatus ? 0 : 1);
    const metadata = { ...main.metadata, uid: before?.metadata.uid ?? `uid-${this.#version}`, generation };
    return this.#put(path, {
      ...main,
      metadata,
      ...('status' in status ? { status: status.status } : {}),
    });
  }

  #put(path: string, object: KubeObject): KubeObject {
    this.#version += 1;
    const written = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.objects.set(path, written);
    this.news.push({ path, object: written });
    return written;
  }

  #withAddress(path: string, applied: KubeObject): KubeObject {
    if (applied.kind !== 'Service') return applied;
    const clusterIP = `10.96.${createHash('sha256').update(path).digest()[0]}.1`;
    const { spec } = applied as ServiceObject;
    return { ...applied, spec: { ...spec, clusterIP, clusterIPs: [clusterIP], ipFamilies: ['IPv4'] } } as ServiceObject;
  }

  #failure(): Error {
    const failures = [
      refused(409, 'Conflict'),
      refused(422, 'Invalid'),
      refused(429, 'TooManyRequests'),
      refused(500, 'InternalError'),
    ];
    return failures[Math.floor(this.#random.fraction() * 5)] ?? new KubeUnreachableError('reset');
  }
}

function refused(status: number, reason: string): KubeApiError {
  return new KubeApiError(reason, { status, reason });
}
