import type { LeaseBoard, Store } from '../../federation/store/contract.ts';
import { decodeIdentity, encodeIdentity, type Identity, isSameIdentity } from '../../kubernetes/keep/identity.ts';
import { ForeignContentError } from '../../kubernetes/keep/kept-object.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, type Finding, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { JoinToken } from '../../trust/token.ts';
import { readSiteTrust, saveSiteTrust } from '../site-trust.ts';
import type { StateFolder } from '../state-folder.ts';
import { foundInCluster } from './found-in-cluster.ts';
import { JoinInCluster, type JoinInClusterInit } from './join-in-cluster.ts';
import type { OwnObjects } from './own-objects.ts';
import { type KeepState, Waiting } from './waiting.ts';

/**
 * How a controller in Kubernetes comes to its identity. A container that was restarted has it on the disk of its pod, asks
 * the API server for a moment only, and goes on without an answer. A new pod has nothing, and waits for as long as it
 * takes: for the API server, for a founder, for a join token.
 */
export interface AwaitIdentityComponents {
  readonly objects: OwnObjects;
  readonly board: LeaseBoard;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly folder: StateFolder;
  readonly openJoinStore: (token: JoinToken) => Promise<Store>;
}

export interface AwaitIdentityInit extends JoinInClusterInit {
  readonly dev: boolean;
  readonly signal: AbortSignal;
  readonly onState?: ((state: KeepState) => void) | undefined;
}

export interface SettledIdentity {
  readonly identity: Identity;
  /** The API server was asked and did not answer in time. */
  readonly isDark: boolean;
  readonly findings: readonly Finding[];
}

/** What a start with a copy on disk may cost at most while the API server is away. */
const LOCAL_TRY_MS = 500;
const ASK_AGAIN = { initialMs: 400, maxMs: 2_000 };

/** @throws the signal's reason */
export async function awaitIdentity(
  components: AwaitIdentityComponents,
  init: AwaitIdentityInit,
): Promise<SettledIdentity> {
  const local = await readLocal(components, init);
  if (local !== undefined) return await withLocal(components, init, local);
  const identity = await untilIdentity(components, init);
  await saveSiteTrust(components.folder, identity);
  return { identity, isDark: false, findings: [] };
}

/** A signal that fires with the given one, or after the time that a start may wait. */
export function soon({ clock }: { readonly clock: Clock }, signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  const timer = clock.after(LOCAL_TRY_MS, () => {
    late.abort(new IsthmusError('not-soon', `the API server did not answer within ${LOCAL_TRY_MS} ms`));
  });
  signal.addEventListener('abort', () => timer.cancel(), { once: true });
  return AbortSignal.any([signal, late.signal]);
}

/** A copy that is damaged or of another clusterset is none: it is written anew from the Secret. */
async function readLocal(
  { folder, log }: AwaitIdentityComponents,
  init: AwaitIdentityInit,
): Promise<Identity | undefined> {
  try {
    const read = await readSiteTrust(folder);
    if (read?.voidToken === undefined) return undefined;
    const { rootKey, voidToken } = read;
    return decodeIdentity(encodeIdentity({ ...read, rootKey, voidToken }), init, folder.root);
  } catch (error) {
    log.warn('the identity in the state folder cannot be used', { error: errorText(error) });
    return undefined;
  }
}

async function withLocal(
  components: AwaitIdentityComponents,
  init: AwaitIdentityInit,
  local: Identity,
): Promise<SettledIdentity> {
  const { objects, log, folder } = components;
  const { keys } = objects;
  try {
    const kept = decodeIdentity(await keys.read(soon(components, init.signal)), init, keys.what);
    if (kept === undefined || isSameIdentity(kept, local)) return { identity: local, isDark: false, findings: [] };
    log.warn('the identity in the state folder was another one, the one that is kept takes its place', {
      object: keys.what,
    });
    await saveSiteTrust(folder, kept);
    return { identity: kept, isDark: false, findings: [] };
  } catch (error) {
    init.signal.throwIfAborted();
    const message = `going on with the identity of this pod's disk: ${errorText(error)}`;
    const findings: readonly Finding[] = [{ severity: 'warning', reason: 'IdentityNotCompared', message }];
    return { identity: local, isDark: !(error instanceof ForeignContentError), findings };
  }
}

async function untilIdentity(components: AwaitIdentityComponents, init: AwaitIdentityInit): Promise<Identity> {
  const { objects, clock } = components;
  const { signal, authority } = init;
  const waiting = new Waiting(components, init);
  const backoff = new Backoff(components, ASK_AGAIN);
  await using joining = new AsyncDisposableStack();
  let join: JoinInCluster | undefined;
  for (;;) {
    try {
      const identity = decodeIdentity(await objects.keys.read(signal), init, objects.keys.what);
      if (identity !== undefined) {
        waiting.over();
        return identity;
      }
      if (authority) {
        await foundInCluster(components, { ...init });
        continue;
      }
      join ??= joining.use(new JoinInCluster({ ...components, waiting }, init));
      await join.attempt(signal);
      backoff.reset();
    } catch (error) {
      signal.throwIfAborted();
      waiting.failed(error);
    }
    await clock.sleep(backoff.nextMs(), signal);
  }
}
