import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Store, StoreUnavailableError } from '../../federation/store/contract.ts';
import type { Clock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { Roster } from '../../trust/contract.ts';
import { acceptJoinAnswer, type Joined } from '../../trust/join.ts';
import { makeJoinRequest } from '../../trust/join-messages.ts';
import { FileKeyStore } from '../../trust/key-store.ts';
import { preparePrivateFolder, replacePrivateFile } from '../../trust/private-file.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import type { JoinToken } from '../../trust/token.ts';
import { CLUSTER_CA_KEY, saveSiteTrust } from '../site-trust.ts';
import type { StateFolder } from '../state-folder.ts';
import { refuseEnrolled } from './found.ts';

/**
 * Joining a clusterset (`isthmus join`): make the cluster's CA key, ask under the token, wait for the authority's answer.
 * Key and request are kept until then: a join that was interrupted goes on with the same ones, because the token admits
 * one key only.
 */
export interface JoinComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Opened with the token's own store credential. */
  readonly store: Store;
  readonly requests: RequestKeep;
}

export interface JoinHereComponents extends Omit<JoinComponents, 'requests'> {
  readonly folder: StateFolder;
}

/** Keeps a request before it is posted: after a crash nobody could make the same nonce again. */
export interface RequestKeep {
  load(tokenId: string): Promise<Uint8Array | undefined>;
  save(tokenId: string, request: Uint8Array): Promise<void>;
}

export interface JoinHereInit {
  readonly token: JoinToken;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly onWaiting: () => void;
}

const ASK_EVERY_MS = 200;

export class JoinFailedError extends IsthmusError {
  constructor(reason: string, message: string) {
    super('join-failed', `the join was refused: ${message}`, {
      fields: { reason },
      hint: 'make a new token on the authority with `isthmus token create`, and join with it',
    });
  }
}

export class JoinUnansweredError extends IsthmusError {
  constructor(waitedMs: number) {
    super('join-unanswered', `the authority did not answer within ${Math.round(waitedMs / 1000)} s`, {
      hint: "is the authority's controller running (`isthmus status` there)? Run the same command again to go on waiting",
    });
  }
}

export interface JoinedHere {
  readonly rosterVersion: number;
  /** A clusterset for development. */
  readonly dev: boolean;
}

/** What a cluster that was admitted has to keep. */
export interface Admission {
  readonly caKey: PrivateKey;
  /** DER. */
  readonly clusterCa: Uint8Array;
  /** DER. */
  readonly roots: readonly Uint8Array[];
  readonly roster: Roster;
  readonly rosterBytes: Uint8Array;
}

/** @param init.caKey kept already: the token admits one key only */
export async function askToJoin(
  components: JoinComponents,
  init: JoinHereInit & { readonly caKey: PrivateKey },
): Promise<Admission> {
  const { store, random, requests } = components;
  const { token, caKey } = init;
  const kept = await requests.load(token.tokenId);
  const request = kept ?? makeJoinRequest({ token, key: caKey, random });
  if (kept === undefined) await requests.save(token.tokenId, request);
  await store.join.request({ tokenId: token.tokenId, bytes: request });
  init.onWaiting();
  const { joined, rosterBytes } = await untilJoined(components, { ...init, request });
  const { clusterCa, roster } = joined;
  const roots = roster.roots.map((root) => new Uint8Array(Buffer.from(root, 'base64')));
  return { caKey, clusterCa, roots, roster, rosterBytes };
}

export async function joinHere(components: JoinHereComponents, init: JoinHereInit): Promise<JoinedHere> {
  const { folder } = components;
  await preparePrivateFolder(folder.root);
  await refuseEnrolled(folder);
  const keys = new FileKeyStore(folder.keys);
  const caKey = (await keys.load(CLUSTER_CA_KEY)) ?? PrivateKey.generate();
  await keys.save(CLUSTER_CA_KEY, caKey);
  const { roster, ...admitted } = await askToJoin(
    { ...components, requests: new RequestFolder(requestFolder(folder)) },
    { ...init, caKey },
  );
  await saveSiteTrust(folder, admitted);
  return { rosterVersion: roster.version, dev: roster.dev };
}

/** Once the site is written, and not before: until then the same command must be able to go on with the same request. */
export async function forgetJoinRequests(folder: StateFolder): Promise<void> {
  await rm(requestFolder(folder), { recursive: true, force: true });
}

function requestFolder(folder: StateFolder): string {
  return join(folder.root, 'join');
}

class RequestFolder implements RequestKeep {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async load(tokenId: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(join(this.#folder, `${tokenId}.json`));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async save(tokenId: string, request: Uint8Array): Promise<void> {
    await replacePrivateFile(this.#folder, `${tokenId}.json`, Buffer.from(request).toString('utf8'));
  }
}

interface JoinedWithRoster {
  readonly joined: Joined;
  readonly rosterBytes: Uint8Array;
}

/** A store that is away for a moment, or shows the roster later than the answer that names it, is asked again. */
async function untilJoined(
  components: JoinComponents,
  init: JoinHereInit & { readonly request: Uint8Array },
): Promise<JoinedWithRoster> {
  const { clock } = components;
  const deadlineMs = clock.monotonicMs() + init.waitMs;
  for (;;) {
    const joined = await lookForAnswer(components, init);
    if (joined !== undefined) return joined;
    if (clock.monotonicMs() > deadlineMs) throw new JoinUnansweredError(init.waitMs);
    await clock.sleep(ASK_EVERY_MS, init.signal);
  }
}

async function lookForAnswer(
  { store, log }: JoinComponents,
  { token, request }: JoinHereInit & { readonly request: Uint8Array },
): Promise<JoinedWithRoster | undefined> {
  try {
    const answer = await store.join.answerFor(token.tokenId);
    const roster = answer === undefined ? undefined : await store.roster();
    if (answer === undefined || roster === undefined) return undefined;
    const joined = acceptJoinAnswer({ token, request, answer, rosterBytes: roster.bytes });
    if (joined.ok) return { joined: joined.value, rosterBytes: roster.bytes };
    if (joined.reason === 'RosterTooOld') return undefined;
    throw new JoinFailedError(joined.reason, joined.message);
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    log.debug('the store does not answer, will ask again', { error: error.message });
    return undefined;
  }
}
