import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { stateFolder } from '../../controller/state-folder.ts';
import type { SiteConfig } from '../../controller/config/site.ts';
import { readGenerations } from '../../federation/sync/generation-file.ts';
import { decodeKeptRoster } from '../../federation/sync/last-good-codec.ts';
import { fromPem } from '../../trust/certificates.ts';
import type { Roster } from '../../trust/contract.ts';
import { openRoster } from '../../trust/roster.ts';
import { configFile, siteFrom } from '../config-options.ts';
import type { Io } from '../io.ts';

/**
 * What a state folder knows, for commands that look at the store beside a running controller: nothing is locked,
 * nothing written, and what is damaged is left alone. A machine without a site is fine too: flags say everything then.
 */
export interface SiteView {
  readonly stateDir: string;
  readonly config: SiteConfig | undefined;
  /** DER of the roots that this site trusts. None: not enrolled. */
  readonly roots: readonly Uint8Array[];
  /** The newest that verifies under those roots. */
  readonly roster: Roster | undefined;
}

/** A roster in base64 and its checksums. */
const KEPT_ROSTER_BYTES_MAX = 16 * 1024 * 1024;

export async function readSiteView(stateDir: string, io: Io): Promise<SiteView> {
  const folder = stateFolder(resolve(io.cwd, stateDir));
  const options = { stateDir: folder.root };
  const config = configFile(options, io) === undefined ? undefined : await siteFrom(options, io);
  const pem = await readIfThere(folder.rootCertificate);
  const roots = pem === undefined ? [] : fromPem(pem.toString('utf8'));
  const { current, previous } = await readGenerations(join(folder.lastGood, 'roster'), KEPT_ROSTER_BYTES_MAX);
  const kept = [current, previous].map((bytes) => bytes && decodeKeptRoster(bytes));
  const rosters = [await readIfThere(folder.joinedRoster), ...kept].flatMap((bytes) => {
    const opened = bytes && openRoster({ bytes, pinnedRoots: roots });
    return opened?.ok === true ? [opened.value] : [];
  });
  const [newest] = rosters.sort((left, right) => right.version - left.version);
  return { stateDir: folder.root, config, roots, roster: newest };
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
