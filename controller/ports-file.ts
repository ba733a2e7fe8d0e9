import { readFile, rename } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import type { ServicePortKey } from '../federation/model/ids.ts';
import { compareText } from '../federation/model/ids.ts';
import type { Finding } from '../runtime/errors.ts';
import { errorText } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { replacePrivateFile } from '../trust/private-file.ts';

/**
 * Which gateway port each imported service has (`STATE-DIR/ports.json`). Clients are configured with these numbers, so a
 * restart must give the same ones; a damaged file costs the numbers but not the start.
 */
export type PortTable = ReadonlyMap<ServicePortKey, number>;

const SCHEMA = z.record(z.string(), z.int().min(1).max(65_535));

/** Sorted, so that the same table has one text. */
export function formatPorts(ports: PortTable): string {
  const sorted = [...ports].sort(([left], [right]) => compareText(left, right));
  return `${JSON.stringify(Object.fromEntries(sorted), undefined, 2)}\n`;
}

/** @throws SyntaxError, z.ZodError when the text is no table */
export function parsePorts(text: string): PortTable {
  return new Map(Object.entries(SCHEMA.parse(JSON.parse(text))) as [ServicePortKey, number][]); // as `formatPorts` wrote them
}

/** What the leader wrote, for a replica that follows; nothing when there is none, or none that can be read. */
export async function readPorts(path: string): Promise<PortTable | undefined> {
  try {
    return parsePorts(await readFile(path, 'utf8'));
  } catch {
    // A start mends it; until then one's own table stays.
    return undefined;
  }
}

export async function loadPorts(path: string): Promise<{ ports: PortTable; findings: readonly Finding[] }> {
  try {
    return { ports: parsePorts(await readFile(path, 'utf8')), findings: [] };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ports: new Map(), findings: [] };
    const damaged = `${path}.damaged`;
    await rename(path, damaged).catch(() => undefined); // what cannot be moved either is overwritten by the next table
    const message = `gateway ports could not be read and are given out anew: ${errorText(error).split('\n')[0]}`;
    const hint =
      'clients may be configured with the old numbers: mend the file under its old name before the next start';
    return { ports: new Map(), findings: [{ severity: 'error', reason: 'PortsLost', message, file: damaged, hint }] };
  }
}

export interface PortsFileInit {
  readonly path: string;
  /** Told of every table, for whoever keeps it in a second place. */
  readonly mirror?: ((ports: PortTable) => void) | undefined;
}

/** Writes the newest table; one write at a time, and what came in between is skipped. */
export class PortsFile {
  readonly #path: string;
  readonly #log: Logger;
  readonly #mirror: PortsFileInit['mirror'];
  #wanted: PortTable | undefined;
  #writing: Promise<void> | undefined;

  constructor(components: { log: Logger }, init: PortsFileInit) {
    this.#log = components.log;
    this.#path = init.path;
    this.#mirror = init.mirror;
  }

  save(ports: PortTable): void {
    this.#wanted = ports;
    this.#mirror?.(ports);
    this.#start();
  }

  /** Resolves when the newest table is on disk, or could not be written. */
  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #start(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      // Came in after the last look and before this.
      if (this.#wanted !== undefined) this.#start();
    });
  }

  async #write(): Promise<void> {
    while (this.#wanted !== undefined) {
      const text = formatPorts(this.#wanted);
      this.#wanted = undefined;
      try {
        await replacePrivateFile(dirname(this.#path), basename(this.#path), text);
      } catch (error) {
        this.#log.warn('gateway ports could not be saved', { path: this.#path, error: errorText(error) });
      }
    }
  }
}
