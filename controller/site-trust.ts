import { link, readFile, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ClusterId } from '../federation/model/ids.ts';
import { VoidToken } from '../gateway-config/ir.ts';
import { type Finding, IsthmusError } from '../runtime/errors.ts';
import type { Random } from '../runtime/random.ts';
import { fromPem, toPem } from '../trust/certificates.ts';
import type { Roster } from '../trust/contract.ts';
import { ClusterIssuer } from '../trust/issuer.ts';
import { FileKeyStore } from '../trust/key-store.ts';
import { openPrivateFile, replacePrivateFile } from '../trust/private-file.ts';
import type { PrivateKey } from '../trust/private-key.ts';
import { openRoster } from '../trust/roster.ts';
import { Secret } from '../trust/secret.ts';
import type { StateFolder } from './state-folder.ts';

/**
 * What `init` or `join` left in the state folder for the controller: the cluster CA, the roots it was given, and the
 * roster of that moment. Written once, read at every start; newer rosters live in last-good.
 */
export interface SiteTrust {
  readonly issuer: ClusterIssuer;
  /** DER. */
  readonly roots: readonly Uint8Array[];
  readonly roster: Roster;
  readonly rosterBytes: Uint8Array;
  readonly voidToken: VoidToken;
  /** Only on the authority. */
  readonly rootKey: PrivateKey | undefined;
  readonly findings: readonly Finding[];
}

export interface NewSiteTrust {
  readonly caKey: PrivateKey;
  readonly rootKey?: PrivateKey | undefined;
  readonly clusterCa: Uint8Array;
  readonly roots: readonly Uint8Array[];
  readonly rosterBytes: Uint8Array;
  /** Absent: made at the first start. */
  readonly voidToken?: Secret | undefined;
  /** The store of the join token, where the Site names none. */
  readonly store?: string | undefined;
}

export const CLUSTER_CA_KEY = 'cluster-ca';
export const ROOT_KEY = 'root';
const VOID_TOKEN_BYTES = 32;
/** Enough for two replicas to have drafts of their own. */
const DRAFT_NAME_CHARS = 16;

export class NotEnrolledError extends IsthmusError {
  constructor(path: string, what: string) {
    super('not-enrolled', `the state folder has no ${what}`, {
      fields: { path },
      hint: 'run `isthmus init` on the first site, `isthmus join --token ...` on the others',
    });
  }
}

/** Keys first: a certificate without its key would look enrolled and be useless. */
export async function saveSiteTrust(folder: StateFolder, trust: NewSiteTrust): Promise<void> {
  const keys = new FileKeyStore(folder.keys);
  await keys.save(CLUSTER_CA_KEY, trust.caKey);
  if (trust.rootKey !== undefined) await keys.save(ROOT_KEY, trust.rootKey);
  await writeAtomically(folder.rootCertificate, toPem(trust.roots));
  await writeAtomically(folder.joinedRoster, Buffer.from(trust.rosterBytes).toString('utf8'));
  if (trust.voidToken !== undefined)
    await writeAtomically(folder.voidToken, Buffer.from(trust.voidToken.reveal()).toString('hex'));
  if (trust.store !== undefined) await writeAtomically(folder.joinedStore, `${trust.store}\n`);
  await writeAtomically(folder.clusterCaCertificate, toPem([trust.clusterCa]));
}

export interface LoadSiteTrustInit {
  readonly cluster: ClusterId;
  readonly clustersetDomain: string;
  readonly leafLifetimeMs: number;
  readonly authority: boolean;
  /** The newest roster of the last run, if one is kept: takes the place of a damaged one. */
  readonly followedRoster?: Uint8Array | undefined;
}

export async function loadSiteTrust(
  components: { folder: StateFolder; random: Random },
  init: LoadSiteTrustInit,
): Promise<SiteTrust> {
  const { folder, random } = components;
  const keys = new FileKeyStore(folder.keys);
  const key = await keys.load(CLUSTER_CA_KEY);
  if (key === undefined) throw new NotEnrolledError(folder.keys, 'cluster CA key');
  const [certificate] = fromPem((await readRequired(folder.clusterCaCertificate, 'cluster CA certificate')).toString());
  if (certificate === undefined) throw new NotEnrolledError(folder.clusterCaCertificate, 'cluster CA certificate');
  const roots = fromPem((await readRequired(folder.rootCertificate, 'root certificate')).toString());
  const { roster, rosterBytes, findings } = await loadRoster(folder, roots, init.followedRoster);
  const rootKey = init.authority ? await keys.load(ROOT_KEY) : undefined;
  if (init.authority && rootKey === undefined)
    throw new NotEnrolledError(folder.keys, 'root key, but is the authority');
  return {
    issuer: new ClusterIssuer({ key, certificate, random }, init),
    roots,
    roster,
    rosterBytes,
    findings,
    voidToken: await loadVoidToken(folder, random),
    rootKey,
  };
}

/** What `saveSiteTrust` wrote, as it is on disk: nothing when a piece is missing. @throws when one cannot be read */
export async function readSiteTrust(folder: StateFolder): Promise<NewSiteTrust | undefined> {
  try {
    const keys = new FileKeyStore(folder.keys);
    const caKey = await keys.load(CLUSTER_CA_KEY);
    const [clusterCa] = fromPem((await readRequired(folder.clusterCaCertificate, 'cluster CA certificate')).toString());
    const roots = fromPem((await readRequired(folder.rootCertificate, 'root certificate')).toString());
    const rosterBytes = new Uint8Array(await readRequired(folder.joinedRoster, 'roster'));
    const voidToken = (await readVoidToken(folder))?.reveal();
    if (caKey === undefined || clusterCa === undefined || voidToken === undefined) return undefined;
    const rootKey = await keys.load(ROOT_KEY);
    const store = await readFile(folder.joinedStore, 'utf8').catch(() => undefined); // there is none, or none that can be read
    return {
      caKey,
      rootKey,
      clusterCa,
      roots,
      rosterBytes,
      voidToken: new Secret(Buffer.from(voidToken, 'hex')),
      ...(store === undefined ? {} : { store: store.trim() }),
    };
  } catch (error) {
    if (error instanceof NotEnrolledError) return undefined;
    throw error;
  }
}

type LoadedRoster = Pick<SiteTrust, 'roster' | 'rosterBytes' | 'findings'>;

async function loadRoster(
  folder: StateFolder,
  roots: readonly Uint8Array[],
  followed: Uint8Array | undefined,
): Promise<LoadedRoster> {
  const joinedWith = await readRequired(folder.joinedRoster, 'roster');
  const roster = openRoster({ bytes: joinedWith, pinnedRoots: roots });
  if (roster.ok) return { roster: roster.value, rosterBytes: joinedWith, findings: [] };
  const newer = followed && openRoster({ bytes: followed, pinnedRoots: roots });
  if (newer?.ok !== true || followed === undefined) {
    throw new IsthmusError('roster-refused', `the kept roster is refused: ${roster.message}`, {
      fields: { path: folder.joinedRoster },
      hint: 'restore the file from a back-up, or join anew with a token and an empty state folder',
    });
  }
  const message = `the roster of the join is refused (${roster.message}), the newest one that was followed takes its place`;
  const finding: Finding = { severity: 'warning', reason: 'RosterDamaged', message, file: folder.joinedRoster };
  return { roster: newer.value, rosterBytes: followed, findings: [finding] };
}

/** Made once per site and kept: the routes that name it must come out the same after a restart, and at all replicas. */
async function loadVoidToken(folder: StateFolder, random: Random): Promise<VoidToken> {
  const kept = await readVoidToken(folder);
  if (kept !== undefined) return kept;
  const made = Buffer.from(random.bytes(VOID_TOKEN_BYTES)).toString('hex');
  // Two replicas that start together must not each make one: the first to give its file the name wins.
  const draft = `void-token-${made.slice(0, DRAFT_NAME_CHARS)}`;
  await replacePrivateFile(folder.keys, draft, made);
  try {
    await link(join(folder.keys, draft), folder.voidToken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(join(folder.keys, draft));
  }
  const won = await readVoidToken(folder);
  if (won !== undefined) return won;
  // What has the name is no token.
  await replacePrivateFile(folder.keys, basename(folder.voidToken), made);
  return new VoidToken(made);
}

async function readVoidToken(folder: StateFolder): Promise<VoidToken | undefined> {
  const file = await openPrivateFile(folder.voidToken, 0);
  if (file === undefined) return undefined;
  try {
    const text = (await file.readFile('utf8')).trim();
    return /^[0-9a-f]{64}$/.test(text) ? new VoidToken(text) : undefined;
  } finally {
    await file.close();
  }
}

async function readRequired(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new NotEnrolledError(path, what);
    throw error;
  }
}

/** All of them are text: PEM and JSON. */
async function writeAtomically(path: string, content: string): Promise<void> {
  await replacePrivateFile(dirname(path), basename(path), content);
}
