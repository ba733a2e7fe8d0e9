/** The importing half of a controller on a real API server: index, applier and writer, fed by plain list and watch. */
import type { KubeObject, ObjectKey, ServiceImportObject, ServiceObject } from '../../../kubernetes/api/objects.ts';
import { objectKey } from '../../../kubernetes/api/objects.ts';
import {
  ENDPOINT_SLICES,
  pathOf,
  type Resource,
  SERVICE_IMPORTS,
  SERVICES,
} from '../../../kubernetes/api/resources.ts';
import type { KubeRequest, KubeTransport } from '../../../kubernetes/api/transport.ts';
import { Applier } from '../../../kubernetes/apply/applier.ts';
import { ImportsWriter } from '../../../kubernetes/imports/imports-writer.ts';
import { derivedName } from '../../../kubernetes/imports/names.ts';
import { type Changes, PresentIndex } from '../../../kubernetes/imports/present.ts';
import { MANAGED_BY, MANAGED_BY_LABEL } from '../../../kubernetes/names.ts';
import type { ServiceKey } from '../../../federation/model/ids.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { Metrics } from '../../../runtime/metrics.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import { until } from '../../redis/until.ts';
import type { KubeServer } from '../server.ts';

const OURS = `${MANAGED_BY_LABEL}=${MANAGED_BY}`;

export class ImportRig implements AsyncDisposable {
  readonly server: KubeServer;
  readonly present = new PresentIndex();
  readonly applier: Applier;
  readonly writer: ImportsWriter;
  /** Writes that left for the server, in words. */
  readonly writes: string[] = [];
  leads = true;
  readonly #stop = new AbortController();
  readonly #watches: Promise<void>[] = [];

  private constructor(server: KubeServer) {
    this.server = server;
    this.applier = new Applier({
      transport: this.#recording(server.admin),
      present: (ref) => this.present.find(ref),
      mayWrite: () => this.leads,
      clock: new SystemClock(),
      random: new SystemRandom(),
      log: silentLogger,
      metrics: new Metrics(),
    });
    this.writer = new ImportsWriter({ applier: this.applier, present: this.present });
  }

  static async start(server: KubeServer): Promise<ImportRig> {
    const rig = new ImportRig(server);
    await rig.#follow<ServiceImportObject>(SERVICE_IMPORTS, undefined, (imports) => rig.writer.observe({ imports }));
    await rig.#follow<ServiceObject>(SERVICES, OURS, (services) => rig.writer.observe({ services }));
    await rig.#follow(ENDPOINT_SLICES, OURS, (slices: Changes<never>) => rig.writer.observe({ slices }));
    return rig;
  }

  async import(key: ServiceKey): Promise<ServiceImportObject | undefined> {
    return this.server.admin.get<ServiceImportObject>(SERVICE_IMPORTS, where(key));
  }

  async derived(key: ServiceKey): Promise<ServiceObject | undefined> {
    return this.server.admin.get<ServiceObject>(SERVICES, { ...where(key), name: derivedName(key) });
  }

  /** The import, once it says this of itself. */
  async untilReady(key: ServiceKey, reason = 'Ready'): Promise<ServiceImportObject> {
    await until(`${key} to be ${reason}`, async () => reasonOf(await this.import(key)) === reason);
    const found = await this.import(key);
    if (found === undefined) throw new Error(`${key} is gone`);
    return found;
  }

  /** How many objects the watches have told of. */
  known(): number {
    let sum = 0;
    for (const { import: found, service, slices } of this.present.byService.values()) {
      sum += (found === undefined ? 0 : 1) + (service === undefined ? 0 : 1) + slices.size;
    }
    return sum;
  }

  /** Objects of ours of all three kinds, as `PLURAL NAMESPACE/NAME`, sorted. */
  async ours(): Promise<readonly string[]> {
    const lists = await Promise.all(
      [SERVICE_IMPORTS, SERVICES, ENDPOINT_SLICES].map(async (resource) => {
        const { items } = await this.server.admin.list(resource, { labels: OURS });
        return items.map((item) => `${resource.plural} ${objectKey(item)}`);
      }),
    );
    return lists.flat().sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.applier.close();
    await this.applier.settled();
    this.#stop.abort();
    await Promise.all(this.#watches);
  }

  #recording(inner: KubeTransport): KubeTransport {
    return {
      call: (request) => {
        if (request.method !== 'GET') this.writes.push(`${request.method} ${request.path}`);
        return inner.call(request);
      },
      lines: (request) => inner.lines(request),
    };
  }

  async #follow<T extends KubeObject>(
    resource: Resource,
    labels: string | undefined,
    tell: (changes: Changes<T>) => void,
  ): Promise<void> {
    const { items, resourceVersion } = await this.server.admin.list<T>(
      resource,
      labels === undefined ? {} : { labels },
    );
    tell(new Map(items.map((item) => [objectKey(item), item])));
    const request: KubeRequest = {
      method: 'GET',
      path: pathOf(resource),
      query: { watch: 'true', resourceVersion, ...(labels === undefined ? {} : { labelSelector: labels }) },
      signal: this.#stop.signal,
    };
    const watch = async (): Promise<void> => {
      try {
        for await (const line of this.server.admin.lines(request)) {
          const { type, object } = JSON.parse(line) as { type: string; object: T }; // a watch event of that kind
          const id: ObjectKey = objectKey(object);
          tell(new Map([[id, type === 'DELETED' ? undefined : object]]));
        }
      } catch (error) {
        if (!this.#stop.signal.aborted) throw error;
      }
    };
    this.#watches.push(watch());
  }
}

export function reasonOf(object: ServiceImportObject | undefined): string | undefined {
  return object?.status?.conditions?.find(({ type }) => type === 'Ready')?.reason;
}

function where(key: ServiceKey): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

/** What a failed test left behind. */
export async function sweep({ admin }: KubeServer): Promise<void> {
  for (const resource of [SERVICES, SERVICE_IMPORTS, ENDPOINT_SLICES]) {
    const { items } = await admin.list(resource, { labels: OURS });
    for (const { metadata } of items) await admin.delete(resource, metadata);
  }
}
