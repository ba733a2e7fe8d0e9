import { join } from 'node:path';
import type { Random } from '../../runtime/random.ts';
import { openPrivateFile, replacePrivateFile } from '../../trust/private-file.ts';

/**
 * Which of a cluster's controllers this one is. Beside the name that its user gave it, it has a number that is made once
 * and kept in its folder: two that were given one name by mistake are still two on the lease board and in the order of
 * heads, while one that was killed and started again is the same and has its lease back at once.
 */
export interface Replica {
  readonly name: string;
  /** `NAME.NUMBER`: on the lease board, and as writer id in heads. */
  readonly holder: string;
}

const FILE = 'replica-number';
const NUMBER_BYTES = 8;

/** @param init.folder of this replica alone, made already */
export async function loadReplica(
  components: { readonly random: Random },
  init: { readonly name: string; readonly folder: string },
): Promise<Replica> {
  const { name, folder } = init;
  const kept = await readNumber(join(folder, FILE));
  if (kept !== undefined) return { name, holder: `${name}.${kept}` };
  const made = Buffer.from(components.random.bytes(NUMBER_BYTES)).toString('hex');
  await replacePrivateFile(folder, FILE, `${made}\n`);
  return { name, holder: `${name}.${made}` };
}

/** The name in what a lease board or a head says. */
export function replicaName(holder: string): string {
  const [name = ''] = holder.split('.');
  return name;
}

async function readNumber(path: string): Promise<string | undefined> {
  const file = await openPrivateFile(path, 0);
  if (file === undefined) return undefined;
  try {
    const text = (await file.readFile('utf8')).trim();
    return /^[0-9a-f]{16}$/.test(text) ? text : undefined;
  } finally {
    await file.close();
  }
}
