import { basename, dirname } from 'node:path';
import { octetsOf, utf8 } from '../../kubernetes/keep/kept-object.ts';
import { PacedWriter } from '../../kubernetes/keep/paced-writer.ts';
import type { Logger } from '../../runtime/log.ts';
import { replacePrivateFile } from '../../trust/private-file.ts';
import { formatPorts, parsePorts, type PortTable, readPorts } from '../ports-file.ts';
import type { KeepComponents } from './marks-keep.ts';

/**
 * The table of gateway ports in the ConfigMap `isthmus-ports`: the leader writes it, replicas that follow and pods that begin
 * read it, and have it as their own file from then on.
 */
const ENTRY = 'ports.json';
const EVERY_MS = 1_000;

export class PortsKeep {
  readonly #components: KeepComponents;
  readonly #path: string;
  readonly #log: Logger;
  readonly #writer: PacedWriter;
  #newest: PortTable | undefined;
  #readText: string | undefined;

  /** `path`: of the table in the state folder. */
  constructor(components: KeepComponents, init: { readonly path: string }) {
    this.#components = components;
    this.#path = init.path;
    this.#log = components.log;
    const write = (): Promise<void> => this.#write();
    this.#writer = new PacedWriter({ ...components, write }, { what: components.object.what, everyMs: EVERY_MS });
  }

  /** Of the leader. */
  save(ports: PortTable): void {
    this.#newest = ports;
    this.#writer.mark();
  }

  /** While another one leads: its table becomes the file. @throws KubeApiError, KubeUnreachableError */
  async pull(): Promise<void> {
    const kept = await this.#read();
    if (kept !== undefined) await this.#toFile(kept);
  }

  /** At the start of a controller, which may have led when its container ended. @throws as `pull` */
  async reconcile(signal?: AbortSignal): Promise<void> {
    const kept = await this.#read(signal);
    if (kept !== undefined) await this.#toFile(mergePorts(kept, await readPorts(this.#path)));
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }

  /** Undefined when it is what was read before. A text that is no table is as good as none: the next leader writes it anew. */
  async #read(signal?: AbortSignal): Promise<PortTable | undefined> {
    const octets = (await this.#components.object.read(signal))?.get(ENTRY);
    const text = octets && utf8(octets);
    if (text === undefined || text === this.#readText) return undefined;
    this.#readText = text;
    const kept = tableIn(text);
    if (kept === undefined) {
      this.#log.warn('gateway ports could not be read', { entry: ENTRY, object: this.#components.object.what });
    }
    return kept;
  }

  async #toFile(ports: PortTable): Promise<void> {
    await replacePrivateFile(dirname(this.#path), basename(this.#path), formatPorts(ports));
  }

  async #write(): Promise<void> {
    const ports = this.#newest;
    if (ports === undefined) return;
    const text = formatPorts(ports);
    await this.#components.object.change((data) => {
      const before = data?.get(ENTRY);
      return before !== undefined && utf8(before) === text ? undefined : new Map(data).set(ENTRY, octetsOf(text));
    });
  }
}

/**
 * What is kept for all counts; of the own table only what is not in it and whose port is free there: a leader that could
 * not reach the API server before its container ended has given it out already.
 */
export function mergePorts(kept: PortTable, own: PortTable | undefined): PortTable {
  const taken = new Set(kept.values());
  const merged = new Map(kept);
  for (const [service, port] of own ?? []) {
    if (merged.has(service) || taken.has(port)) continue;
    merged.set(service, port);
    taken.add(port);
  }
  return merged;
}

function tableIn(text: string): PortTable | undefined {
  try {
    return parsePorts(text);
  } catch {
    // Somebody edited it; the caller says so.
    return undefined;
  }
}
