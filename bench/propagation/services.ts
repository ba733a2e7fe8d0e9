import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { stampMs } from './trace.ts';

/** The services folder of a site: one file of services that stay as they are, one of those that the bench changes. */
export const BACKGROUND_SERVICES = 50;
export const HTTP_PORT = 80;
export const TCP_PORT = 5432;

export interface BenchService {
  readonly name: string;
  readonly kind: 'http' | 'tcp';
  readonly ready: boolean;
}

export class ServicesFolder {
  readonly path: string;
  readonly #endpoint: string;
  #services: readonly BenchService[];

  constructor(init: { path: string; endpoint: string; services: readonly BenchService[] }) {
    this.path = init.path;
    this.#endpoint = init.endpoint;
    this.#services = init.services;
    mkdirSync(init.path, { recursive: true });
    const background = Array.from({ length: BACKGROUND_SERVICES }, (_, index): BenchService => {
      return { name: `steady-${index}`, kind: index % 2 === 0 ? 'http' : 'tcp', ready: true };
    });
    this.#write('background.yaml', background);
    this.#write('changing.yaml', init.services);
  }

  /** Gives the service its only endpoint, or takes it. @returns when the new file took the old one's place */
  change(name: string, ready: boolean): number {
    this.#services = this.#services.map((service) => (service.name === name ? { ...service, ready } : service));
    return this.#write('changing.yaml', this.#services);
  }

  /** As editors and deployment tools do: beside it, then renamed over it. The stamp is from before the rename. */
  #write(file: string, services: readonly BenchService[]): number {
    const path = join(this.path, file);
    const beside = join(this.path, '..', `${file}.new`);
    writeFileSync(beside, services.map((service) => stringify(documentOf(service, this.#endpoint))).join('---\n'));
    const atMs = stampMs();
    renameSync(beside, path);
    return atMs;
  }
}

function documentOf(service: BenchService, address: string): unknown {
  const port =
    service.kind === 'http' ? { name: 'http', port: HTTP_PORT, appProtocol: 'http' } : { name: 'tcp', port: TCP_PORT };
  return {
    apiVersion: 'isthmus.dev/v1alpha1',
    kind: 'Service',
    metadata: { namespace: 'default', name: service.name },
    spec: { export: true, ports: [port], endpoints: [{ address, ready: service.ready }] },
  };
}
