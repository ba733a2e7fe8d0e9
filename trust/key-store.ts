import { constants } from 'node:fs';
import { join } from 'node:path';
import { IsthmusError } from '../runtime/errors.ts';
import { openPrivateFile, preparePrivateFolder, replacePrivateFile } from './private-file.ts';
import { PrivateKey } from './private-key.ts';

/** Where a controller keeps its long-lived keys (cluster CA, controller; at the authority the root). Gateway leaf keys are never here. */
export interface KeyStore {
  /** Undefined when there is no key of that name. @throws when there is one that cannot be used: it is never replaced silently. */
  load(name: string): Promise<PrivateKey | undefined>;
  /** Replaces a key of that name. Resolves when the key will survive a power cut. */
  save(name: string, key: PrivateKey): Promise<void>;
}

export class InvalidKeyNameError extends IsthmusError {
  constructor(name: string) {
    super('invalid-key-name', `${JSON.stringify(name.slice(0, 80))} cannot name a key`, {
      hint: 'use 1 to 63 lower-case letters, digits and inner dashes',
    });
  }
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Names become names of files and of keys in objects, so nothing that leads elsewhere is one. @throws InvalidKeyNameError */
export function checkKeyName(name: string): void {
  if (!NAME.test(name)) throw new InvalidKeyNameError(name);
}

/** Keys as PEM files `NAME.pem` (0600) in one folder (0700). */
export class FileKeyStore implements KeyStore {
  readonly #folder: string;
  #lastSave: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async load(name: string): Promise<PrivateKey | undefined> {
    checkKeyName(name);
    await preparePrivateFolder(this.#folder);
    const file = await openPrivateFile(join(this.#folder, `${name}.pem`), constants.O_RDONLY);
    if (file === undefined) return undefined;
    try {
      return PrivateKey.fromPem(await file.readFile('utf8'));
    } finally {
      await file.close();
    }
  }

  async save(name: string, key: PrivateKey): Promise<void> {
    checkKeyName(name);
    // One after the other: two saves of a name would share their temporary file.
    const saved = this.#lastSave.then(() => replacePrivateFile(this.#folder, `${name}.pem`, key.revealPem()));
    this.#lastSave = saved.catch(() => undefined);
    await saved;
  }
}

export class MemoryKeyStore implements KeyStore {
  readonly #keys = new Map<string, PrivateKey>();

  async load(name: string): Promise<PrivateKey | undefined> {
    checkKeyName(name);
    return this.#keys.get(name);
  }

  async save(name: string, key: PrivateKey): Promise<void> {
    checkKeyName(name);
    this.#keys.set(name, key);
  }
}
