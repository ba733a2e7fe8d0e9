import type { ClusterId } from '../../federation/model/ids.ts';
import { rim } from '../../federation/sync/clusterset.fixture.ts';
import type { Store } from '../../federation/store/contract.ts';
import { listStores } from '../../federation/store/several.ts';
import { COMMAND_TIMEOUT_MS, withDeadline } from '../../federation/sync/deadline.ts';
import { Marks } from '../../federation/sync/marks.ts';
import { PeerReplica, type ReplicaStep } from '../../federation/sync/peer-replica.ts';
import { RosterFollower } from '../../federation/sync/roster-follower.ts';
import type { ClusterView } from '../../federation/model/state.ts';
import type { Timer } from '../../runtime/clock.ts';
import { IsthmusError } from '../../runtime/errors.ts';
import { ChainCache, verifyHead } from '../../trust/head-signature.ts';
import type { Recorder } from '../history/recorder.ts';
import { clusterset, LIMITS, READER_RANGES } from './cast.ts';
import type { Field, Link } from './field.ts';
import { Witness } from './witness.ts';

/**
 * A reader without the guards around the accept rule: it follows every name that the store lists, asks for whatever is
 * offered, and forgets from time to time all but its marks. What a subscriber would keep away from the rule reaches it here, so
 * that each clause has to hold alone.
 */
const LOOK_INTERVAL_MS = 700;
/** A store may list a million names; enough for all members and some strangers. */
const NAMES_MAX = 16;

export class BareReader {
  readonly link: Link;
  readonly #field: Field;
  readonly #witness: Witness;
  readonly #marks: Marks;
  readonly #follower: RosterFollower;
  readonly #stop = new AbortController();
  readonly #replicas = new Map<ClusterId, PeerReplica>();
  readonly #cache = new ChainCache();
  readonly #recorder: Recorder;
  readonly #seed: number;
  #timer: Timer | undefined;
  #fault: unknown;
  #looking: Promise<void> = Promise.resolve();

  private constructor(
    components: { readonly field: Field; readonly recorder: Recorder; readonly marks: Marks; readonly link: Link },
    init: { readonly seed: number },
  ) {
    this.#field = components.field;
    this.#marks = components.marks;
    this.link = components.link;
    this.#recorder = components.recorder;
    this.#seed = init.seed;
    this.#witness = new Witness(components, { reader: NAME });
    const rest = { ...rim(this.#field.clock, init.seed), store: this.link.store, marks: this.#marks };
    this.#follower = new RosterFollower(rest, { pinnedRoots: [clusterset.root] });
  }

  static async start(
    components: { readonly field: Field; readonly recorder: Recorder },
    init: { readonly seed: number },
  ): Promise<BareReader> {
    const { field } = components;
    const { marks } = await Marks.load(rim(field.clock));
    const reader = new BareReader({ ...components, marks, link: await field.link(NAME) }, init);
    reader.#witness.started();
    reader.#later();
    return reader;
  }

  /** Forgets every state, keeps every mark. */
  forget(): void {
    this.#recorder.record({ kind: 'diskLost', reader: NAME });
    this.#replicas.clear();
    this.#witness.started();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the reader was stopped'));
    this.#timer?.cancel();
    await this.#looking;
    this.#witness.stopped();
    if (this.#fault !== undefined) throw this.#fault;
  }

  #later(): void {
    this.#timer = this.#field.clock.after(LOOK_INTERVAL_MS, () => {
      this.#looking = this.#look().then(() => {
        if (!this.#stop.signal.aborted) this.#later();
      });
    });
  }

  /** A store that fails, or is slow with one cluster, is asked again; nothing else waits for it. */
  async #look(): Promise<void> {
    this.#witness.looksAgain(this.#views);
    const looks = listStores(this.link.store).flatMap(({ store }, from) => [
      this.#lookAtRoster(from),
      this.#lookAtHeads(store, from),
    ]);
    await Promise.all(looks.map((look) => look.catch((error: unknown) => this.#failed(error))));
  }

  /** A store that cannot answer says so in its own words; anything else is a fault of ours. */
  #failed(error: unknown): void {
    if (!(error instanceof IsthmusError) && !this.#stop.signal.aborted) this.#fault ??= error;
  }

  async #lookAtHeads(store: Store, from: number): Promise<void> {
    const { clock } = this.#field;
    const patience = { clock, timeoutMs: COMMAND_TIMEOUT_MS, what: 'heads', signal: this.#stop.signal };
    const askedAtMs = clock.monotonicMs();
    const heads = await withDeadline(store.heads(), patience);
    const fetches = [...heads].slice(0, NAMES_MAX).map(async ([cluster, stored]) => {
      const replica = this.#replicaOf(cluster);
      this.#take(cluster, replica.offer({ stored, from, askedAtMs }));
      // Whatever it said to the offer: the rule itself has to judge what the store serves.
      const step = await replica.fetch(from);
      if (replica === this.#replicas.get(cluster)) this.#take(cluster, step);
    });
    await Promise.all(fetches.map((fetch) => fetch.catch((error: unknown) => this.#failed(error))));
  }

  async #lookAtRoster(from: number): Promise<void> {
    const outcome = await this.#follower.refresh(this.#stop.signal, from);
    if (outcome.kind === 'refused') this.#witness.distrusts(outcome.reason);
    if (outcome.kind !== 'newer') return;
    const { roster, bytes } = outcome.followed;
    this.#see();
    this.#witness.trusts({ roster, bytes }, this.#views, 'store');
    for (const [cluster, replica] of this.#replicas) this.#take(cluster, replica.rejudge());
  }

  #replicaOf(cluster: ClusterId): PeerReplica {
    const known = this.#replicas.get(cluster);
    if (known !== undefined) return known;
    const components = {
      ...rim(this.#field.clock, this.#seed),
      store: this.link.store,
      marks: this.#marks,
      verifyHead: (input: Parameters<typeof verifyHead>[0]) => verifyHead({ ...input, cache: this.#cache }),
      roster: () => this.#follower.current?.roster,
      signal: this.#stop.signal,
    };
    const replica = new PeerReplica(components, { cluster, limits: LIMITS, ownRanges: READER_RANGES });
    this.#replicas.set(cluster, replica);
    return replica;
  }

  #take(cluster: ClusterId, step: ReplicaStep): void {
    if (step.kind === 'view') this.#witness.keeps(step.kept);
    this.#see(step.kind === 'view' || step.kind === 'beat' ? cluster : undefined);
  }

  #see(told?: ClusterId): void {
    this.#witness.sees(this.#views, 'store', told);
  }

  get #views(): ReadonlyMap<ClusterId, ClusterView> {
    const views = new Map<ClusterId, ClusterView>();
    for (const [cluster, { view }] of this.#replicas) if (view !== undefined) views.set(cluster, view);
    return views;
  }
}

const NAME = 'bare';
