import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Keep, openKeep, type OpenKeepComponents, type OpenKeepInit } from '../../../controller/keep/open-keep.ts';
import type { KeepState } from '../../../controller/keep/waiting.ts';
import { stateFolder } from '../../../controller/state-folder.ts';
import { parseClusterId } from '../../../federation/model/ids.ts';
import { MemoryStore } from '../../../federation/store/memory.ts';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import { CONFIG_MAPS, NAMESPACES, SECRETS } from '../../../kubernetes/api/resources.ts';
import type { KubeTransport } from '../../../kubernetes/api/transport.ts';
import { KubeLeaseBoard } from '../../../kubernetes/lease/lease-board.ts';
import { OWN_NAMES } from '../../../kubernetes/names.ts';
import { SystemClock } from '../../../runtime/clock.ts';
import { createLogger } from '../../../runtime/log.ts';
import { SystemRandom } from '../../../runtime/random.ts';
import type { KubeServer } from '../server.ts';

/** Pods of one cluster on a real API server: each with a disk of its own, all with the objects of one namespace. */
export const DOMAIN = 'prod.example.org';
export const EAST = parseClusterId('east');
export const WEST = parseClusterId('west');
export const clock = new SystemClock();
export const random = new SystemRandom();

let namespaces = 0;

export class KubeSite {
  readonly namespace: string;
  readonly server: KubeServer;
  readonly logged: string[] = [];
  readonly #t: TestContext;

  private constructor(t: TestContext, server: KubeServer, namespace: string) {
    this.#t = t;
    this.server = server;
    this.namespace = namespace;
  }

  static async make(t: TestContext, server: KubeServer): Promise<KubeSite> {
    const name = `keep-${namespaces++}`;
    await server.admin.create(NAMESPACES, { metadata: { name } });
    return new KubeSite(t, server, name);
  }

  /** An empty disk. */
  async disk(): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'isthmus-keep-'));
    this.#t.after(() => rm(dir, { recursive: true, force: true }));
    return dir;
  }

  components(transport: KubeTransport = this.server.admin): OpenKeepComponents {
    const destination = { write: (line: string) => void this.logged.push(line) };
    const objectName = (): string => OWN_NAMES.lease;
    return {
      transport,
      clock,
      random,
      log: createLogger({ level: 'debug', destination }),
      board: new KubeLeaseBoard({ transport, clock }, { namespace: this.namespace, objectName }),
      openJoinStore: () => Promise.resolve(new MemoryStore({ clock })),
    };
  }

  /** Starts what a controller's pod starts; closed with the test. */
  async open(
    dir: string,
    init: Partial<OpenKeepInit> & { readonly onState?: (state: KeepState) => void } = {},
    components: Partial<OpenKeepComponents> = {},
  ): Promise<Keep> {
    const replica = init.replica ?? 'pod-a';
    const keep = await openKeep(
      { ...this.components(), ...components },
      {
        namespace: this.namespace,
        folder: stateFolder(dir, replica),
        replica,
        cluster: EAST,
        clustersetDomain: DOMAIN,
        authority: true,
        dev: true,
        signal: new AbortController().signal,
        ...init,
      },
    );
    this.#t.after(() => keep[Symbol.asyncDispose]());
    return keep;
  }

  async secret(name: string): Promise<Readonly<Record<string, string>> | undefined> {
    const object = await this.server.admin.get<KubeObject & { data?: Record<string, string> }>(SECRETS, {
      namespace: this.namespace,
      name,
    });
    if (object === undefined) return undefined;
    const entries = Object.entries(object.data ?? {});
    return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('latin1')]));
  }

  async configMap(name: string): Promise<Readonly<Record<string, string>> | undefined> {
    const where = { namespace: this.namespace, name };
    const object = await this.server.admin.get<KubeObject & { data?: Record<string, string> }>(CONFIG_MAPS, where);
    return object === undefined ? undefined : (object.data ?? {});
  }

  /** Somebody with kubectl. */
  async putSecret(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'latin1').toString('base64')]);
    const object = { metadata: { name, namespace: this.namespace }, data: Object.fromEntries(encoded) };
    const there = await this.server.admin.get(SECRETS, object.metadata);
    if (there === undefined) await this.server.admin.create(SECRETS, object);
    else await this.server.admin.patch(SECRETS, object.metadata, { type: 'merge', body: { data: object.data } });
  }
}

/** A fact that must come; a busy machine may take its time. */
export async function until(fact: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = clock.monotonicMs() + 60_000;
  while (!(await fact())) {
    if (clock.monotonicMs() > deadlineMs) throw new Error(`never came: ${what}`);
    await clock.sleep(20);
  }
}
