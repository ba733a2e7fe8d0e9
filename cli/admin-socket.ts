import { readdir } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RoleObject } from '../controller/views/role.ts';

/**
 * Which controller of a state folder is asked: the only one, or of several replicas the one that leads, because it knows
 * the gateways and alone can admit a cluster. `--state-dir DIR/replicas/NAME` asks a certain one.
 */
const SOCKET = 'admin.sock';

/** Gives what the controller behind a socket answers to a path, or rejects. */
export type AskSocket = (socketPath: string, path: string, signal: AbortSignal) => Promise<string>;

export async function adminSocket(stateDir: string, ask: AskSocket): Promise<string> {
  const sole = join(stateDir, SOCKET);
  const replicas = (await namesIn(join(stateDir, 'replicas')))
    .map((name) => join(stateDir, 'replicas', name, SOCKET))
    .filter((path) => existsSync(path));
  if (replicas.length === 0) return sole;
  const candidates = [...(existsSync(sole) ? [sole] : []), ...replicas];
  const [only] = candidates;
  if (candidates.length === 1 && only !== undefined) return only;
  const found = new AbortController();
  try {
    return await firstToLead(candidates, (path) => roleOf(path, ask, found.signal));
  } finally {
    // A question to a controller that hangs would keep the command from ending.
    found.abort();
  }
}

/** As soon as one says that it leads; otherwise any that answers, when all have had their chance. */
async function firstToLead(
  candidates: readonly string[],
  kindOf: (path: string) => Promise<RoleObject['kind'] | undefined>,
): Promise<string> {
  const found = Promise.withResolvers<string>();
  const asked = candidates.map(async (path) => {
    const kind = await kindOf(path);
    if (kind === 'leader' || kind === 'sole') found.resolve(path);
    return { path, kind };
  });
  const all = Promise.all(asked).then((answers) => {
    const answering = answers.find(({ kind }) => kind !== undefined) ?? answers[0];
    return answering?.path ?? '';
  });
  return await Promise.race([found.promise, all]);
}

async function roleOf(path: string, ask: AskSocket, signal: AbortSignal): Promise<RoleObject['kind'] | undefined> {
  try {
    // The controller is this program in another process.
    const role = JSON.parse(await ask(path, '/v1/role', signal)) as RoleObject;
    return role.kind;
  } catch {
    // It has ended, or hangs.
    return undefined;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch {
    // No replica has ever run here.
    return [];
  }
}
