import type { LeaseBoard, Store } from '../../federation/store/contract.ts';
import { decodeMarks, encodeMarks, NO_MARKS } from '../../federation/sync/marks-codec.ts';
import { mergeMarks } from '../../federation/sync/marks-merge.ts';
import type { MarksMirror } from '../../federation/sync/marks.ts';
import { readGenerations, writeGeneration } from '../../federation/sync/generation-file.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { KubeTransport } from '../../kubernetes/api/transport.ts';
import { SecretDraft } from '../../kubernetes/keep/secret-draft.ts';
import { SecretJournal } from '../../kubernetes/keep/secret-journal.ts';
import type { Clock } from '../../runtime/clock.ts';
import { errorText, type Finding, IsthmusError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { preparePrivateFolder } from '../../trust/private-file.ts';
import type { JoinToken } from '../../trust/token.ts';
import type { AuthorityMemory } from '../join-office.ts';
import { loadReplica, type Replica } from '../leadership/replica.ts';
import type { PortTable } from '../ports-file.ts';
import type { StateFolder } from '../state-folder.ts';
import { awaitIdentity, soon } from './await-identity.ts';
import { IdentityUpkeep } from './identity-upkeep.ts';
import { MarksKeep } from './marks-keep.ts';
import { ownObjects } from './own-objects.ts';
import { PortsKeep } from './ports-keep.ts';
import type { KeepState } from './waiting.ts';

/**
 * What lets a controller in Kubernetes lose its pod. Before its parts are started (`startParts`) everything that they read
 * from the state folder is put there, as far as the API server has it and answers; afterwards what they write there is
 * written to the API server too. The parts know nothing of it.
 */
export interface Keep extends AsyncDisposable {
  readonly replica: Replica;
  /** The store that the join token named; absent where it was of use for joining only. */
  readonly store: string | undefined;
  /** For `Marks.load`. */
  readonly marks: MarksMirror;
  /** For `PortsFile`: called with each table that the leader gives out. */
  readonly savePorts: (ports: PortTable) => void;
  /** Brings the leader's table into `ports.json` of the state folder: before a replica learns from that. @throws */
  pullPorts(): Promise<void>;
  /** For the join office of the authority. */
  readonly memory: AuthorityMemory;
  /** For `Role.onLeading`. */
  lead(isLeader: boolean): void;
  readonly findings: readonly Finding[];
}

export interface OpenKeepComponents {
  readonly transport: KubeTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly board: LeaseBoard;
  /** Opens the store of a token with the token's credential. */
  readonly openJoinStore: (token: JoinToken) => Promise<Store>;
}

export interface OpenKeepInit {
  readonly namespace: string;
  readonly folder: StateFolder;
  /** Name of this replica: its pod's. */
  readonly replica: string;
  readonly cluster: ClusterId;
  readonly clustersetDomain: string;
  readonly authority: boolean;
  readonly dev: boolean;
  /** Ends the waiting for an identity. */
  readonly signal: AbortSignal;
  /** Told of each change of what is waited for. */
  readonly onState?: ((state: KeepState) => void) | undefined;
}

/** More than the marks of a thousand clusters; see `marks.ts`. */
const MARKS_BYTES_MAX = 4 * 1024 * 1024;
const NO_ANSWER = 'the API server did not answer';

/**
 * Resolves when the state folder has an identity to start with, which may be never.
 * @throws the signal's reason
 */
export async function openKeep(components: OpenKeepComponents, init: OpenKeepInit): Promise<Keep> {
  const { folder, signal } = init;
  await preparePrivateFolder(folder.root);
  await preparePrivateFolder(folder.own);
  const replica = await loadReplica(components, { name: init.replica, folder: folder.own });
  const objects = ownObjects(components, init.namespace);
  const parts = { ...components, objects, folder };
  const owner = { ...init, lease: init.cluster, holder: replica.holder };
  const settled = await awaitIdentity(parts, owner);
  await using opened = new AsyncDisposableStack();
  const marks = new MarksKeep({ ...components, object: objects.marks });
  opened.defer(() => marks.close());
  const ports = new PortsKeep({ ...components, object: objects.ports }, { path: folder.ports });
  opened.defer(() => ports.close());
  const upkeep = opened.use(new IdentityUpkeep(parts, { ...init, identity: settled.identity }));
  // Asked once in vain is enough of a wait.
  const quick = settled.isDark ? AbortSignal.abort(new IsthmusError('dark', NO_ANSWER)) : soon(components, signal);
  const found = await Promise.all([
    unlessDark(components, () => settleMarks(marks, { path: folder.marks, signal: quick })),
    unlessDark(components, async () => {
      await ports.reconcile(quick);
      return [];
    }),
  ]);
  upkeep.start();
  const running = opened.move();
  return {
    replica,
    store: settled.identity.store,
    marks,
    savePorts: (table) => ports.save(table),
    pullPorts: () => ports.pull(),
    memory: {
      openJournal: () => SecretJournal.open({ ...components, secret: objects.journal }),
      draft: new SecretDraft({ secret: objects.journal }),
    },
    lead: (isLeader) => marks.lead(isLeader),
    findings: [...settled.findings, ...found.flat()],
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** The higher of what the pod's disk and the API server have is what the controller starts with. */
async function settleMarks(
  marks: MarksKeep,
  { path, signal }: { readonly path: string; readonly signal: AbortSignal },
): Promise<readonly Finding[]> {
  const { current } = await readGenerations(path, MARKS_BYTES_MAX);
  const own = current && decodeMarks(current);
  if (own !== undefined && current !== undefined) marks.changed(current);
  const { content, findings } = await marks.read(signal);
  // A damaged file is for `Marks.load` to replace by its previous generation.
  if (content === undefined || (current !== undefined && own === undefined)) return findings;
  const merged = encodeMarks(mergeMarks(own ?? NO_MARKS, content));
  if (current === undefined || Buffer.compare(current, merged) !== 0) await writeGeneration(path, merged);
  marks.changed(merged);
  return findings;
}

async function unlessDark(
  { log }: { readonly log: Logger },
  work: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await work();
  } catch (error) {
    log.warn('starting with what this pod has on its disk', { error: errorText(error) });
    return [];
  }
}
