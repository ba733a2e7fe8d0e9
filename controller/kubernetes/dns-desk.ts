import type { Changes } from '../../kubernetes/list-watch/known-objects.ts';
import type { EndpointSliceObject, ServiceImportObject } from '../../kubernetes/api/objects.ts';
import { DnsServer } from '../../kubernetes/dns/server.ts';
import { ZoneIndex } from '../../kubernetes/dns/zone-index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { ListenAddress } from '../config/site.ts';
import type { ClusterReflectors } from './cluster-reflectors.ts';

/** Names for `clusterset.local`, made of what the cluster itself has: every replica answers, whoever leads. */
export interface DnsDeskComponents {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly reflectors: ClusterReflectors;
}

export class DnsDesk implements AsyncDisposable {
  readonly #reflectors: ClusterReflectors;
  readonly #zone = new ZoneIndex();
  readonly #server: DnsServer;
  readonly #undo: (() => void)[] = [];

  constructor(components: DnsDeskComponents, init: { readonly listen: ListenAddress }) {
    this.#reflectors = components.reflectors;
    this.#server = new DnsServer(
      { ...components, zone: () => this.#zone.zone },
      { address: init.listen.host, port: init.listen.port },
    );
  }

  get port(): number {
    return this.#server.port;
  }

  async start(): Promise<void> {
    const { imports, slices } = this.#reflectors.imports;
    this.#undo.push(
      imports.onChange(({ changed }) => this.#imports(changed)),
      slices.onChange(({ changed }) => this.#slices(changed)),
      this.#reflectors.dns.onChange(() => this.#addresses()),
    );
    this.#imports(imports.objects);
    this.#slices(slices.objects);
    this.#addresses();
    this.#reflectors.dns.start();
    await this.#server.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const undo of this.#undo.splice(0)) undo();
    await this.#reflectors.dns.close();
    await this.#server.stop();
  }

  #imports(changed: Changes<ServiceImportObject>): void {
    for (const [key, object] of changed) {
      if (object === undefined) this.#zone.deleteImport(key);
      else this.#zone.applyImport(object);
    }
    if (this.#reflectors.imports.imports.synced) this.#zone.completed('imports');
  }

  #slices(changed: Changes<EndpointSliceObject>): void {
    for (const [key, object] of changed) {
      if (object === undefined) this.#zone.deleteSlice(key);
      else this.#zone.applySlice(object);
    }
    if (this.#reflectors.imports.slices.synced) this.#zone.completed('slices');
  }

  #addresses(): void {
    const [service] = this.#reflectors.dns.objects.values();
    this.#zone.setServer(service?.spec?.clusterIPs ?? []);
  }
}
