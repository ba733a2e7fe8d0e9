import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../../federation/store/contract.ts';
import type { Clock } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { acceptJoinAnswer } from '../../trust/join.ts';
import { makeJoinRequest } from '../../trust/join-messages.ts';
import { FileKeyStore } from '../../trust/key-store.ts';
import { preparePrivateFolder } from '../../trust/private-file.ts';
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
export interface JoinHereComponents {
  readonly folder: StateFolder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Opened with the token's own store credential. */
  readonly store: Store;
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

export interface JoinedHere {
  readonly rosterVersion: number;
  /** A clusterset for development. */
  readonly dev: boolean;
}

export async function joinHere(components: JoinHereComponents, init: JoinHereInit): Promise<JoinedHere> {
  const { folder, store, random } = components;
  const { token } = init;
  await preparePrivateFolder(folder.root);
  await refuseEnrolled(folder);
  const keys = new FileKeyStore(folder.keys);
  const caKey = (await keys.load(CLUSTER_CA_KEY)) ?? PrivateKey.generate();
  await keys.save(CLUSTER_CA_KEY, caKey);
  const request = await keptRequest(folder, token.tokenId, () => makeJoinRequest({ token, key: caKey, random }));
  await store.join.request({ tokenId: token.tokenId, bytes: request });
  init.onWaiting();
  const { answer, rosterBytes } = await untilAnswered(components, init);
  const joined = acceptJoinAnswer({ token, request, answer, rosterBytes });
  if (!joined.ok) throw new JoinFailedError(joined.reason, joined.message);
  const roots = joined.value.roster.roots.map((root) => new Uint8Array(Buffer.from(root, 'base64')));
  await saveSiteTrust(folder, { caKey, clusterCa: joined.value.clusterCa, roots, rosterBytes });
  await rm(requestPath(folder, token.tokenId), { force: true });
  return { rosterVersion: joined.value.roster.version, dev: joined.value.roster.dev };
}

function requestPath(folder: StateFolder, tokenId: string): string {
  return join(folder.root, 'join', `${tokenId}.json`);
}

async function keptRequest(folder: StateFolder, tokenId: string, make: () => Uint8Array): Promise<Uint8Array> {
  const path = requestPath(folder, tokenId);
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const request = make();
  await mkdir(join(folder.root, 'join'), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, request, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return request;
}

/** The answer names the roster version that has the new member; the store may show that roster a moment later. */
async function untilAnswered(
  { store, clock }: JoinHereComponents,
  { token, waitMs, signal }: JoinHereInit,
): Promise<{ answer: Uint8Array; rosterBytes: Uint8Array }> {
  const deadlineMs = clock.monotonicMs() + waitMs;
  for (;;) {
    const answer = await store.join.answerFor(token.tokenId);
    const roster = answer === undefined ? undefined : await store.roster();
    if (answer !== undefined && roster !== undefined) return { answer, rosterBytes: roster.bytes };
    if (clock.monotonicMs() > deadlineMs) {
      throw new IsthmusError('join-unanswered', `the authority did not answer within ${Math.round(waitMs / 1000)} s`, {
        hint: "is the authority's controller running (`isthmus status` there)? Run the same command again to go on waiting",
      });
    }
    await clock.sleep(ASK_EVERY_MS, signal);
  }
}
