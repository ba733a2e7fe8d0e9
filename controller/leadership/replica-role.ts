import type { LeaseBoard } from '../../federation/store/contract.ts';
import type { Clock } from '../../runtime/clock.ts';
import { assertNever, errorText } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { type Leadership, serves } from './leadership.ts';
import { type Replica, replicaName } from './replica.ts';
import type { Office, Role, RoleView } from './role.ts';

/** One of several replicas: acts on what the lease makes of it, in an order that never lets two of them write. */
export interface ReplicaRoleComponents {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly board: LeaseBoard;
  readonly office: Office;
}

export interface ReplicaRoleInit {
  /** Name of the cluster, and of its lease. */
  readonly cluster: string;
  readonly replica: Replica;
  /** Learns what only the leader knew: before this one leads, and from time to time while it follows. */
  readonly learn: () => Promise<void>;
  /** Another one leads: whoever is served here must go there. */
  readonly onFollowing: (message: string) => void;
}

export class ReplicaRole implements Role {
  readonly #components: ReplicaRoleComponents;
  readonly #init: ReplicaRoleInit;
  readonly #keeper: LeaseKeeper;
  readonly #listeners: ((isLeader: boolean) => void)[] = [];
  /** The term for which everything is prepared: before that nobody is served in it, and nothing written. */
  #inOffice: number | undefined;

  constructor(components: ReplicaRoleComponents, init: ReplicaRoleInit) {
    this.#components = components;
    this.#init = init;
    this.#keeper = new LeaseKeeper(components, {
      name: init.cluster,
      holder: init.replica.holder,
      onChange: (leadership) => this.#became(leadership),
      onAnswer: ({ kind }) => {
        if (kind === 'follower') void this.#learn();
      },
    });
  }

  get view(): RoleView {
    const { leadership } = this.#keeper;
    const replica = this.#init.replica.name;
    const { kind, sinceMs } = leadership;
    switch (leadership.kind) {
      case 'leader':
        return { replica, kind, sinceMs, leader: replica, transitions: leadership.transitions };
      case 'follower':
        return { replica, kind, sinceMs, leader: replicaName(leadership.of), transitions: leadership.transitions };
      case 'unknown':
        return { replica, kind, sinceMs, message: leadership.message };
      case 'lapsed':
        return { replica, kind, sinceMs, message: 'the lease could not be renewed in time' };
      default:
        return assertNever(leadership);
    }
  }

  get mayWrite(): boolean {
    return this.#keeper.mayWrite && this.#inOffice !== undefined;
  }

  get turnedAway(): string | undefined {
    const { leadership } = this.#keeper;
    if (leadership.kind === 'leader' && this.#inOffice !== leadership.term) return 'not leader yet: taking over';
    const served = serves(leadership);
    switch (served) {
      case 'all':
        return undefined;
      case 'attached':
        return 'not leader: the lease ran out and was not asked for since';
      case 'none':
        return this.#elsewhere(leadership);
      default:
        return assertNever(served);
    }
  }

  start(): void {
    this.#keeper.start();
  }

  onLeading(listener: (isLeader: boolean) => void): void {
    this.#listeners.push(listener);
    listener(this.#inOffice !== undefined);
  }

  /** A writer with a higher epoch was met. */
  fenced(): void {
    this.#components.log.warn('another writer of this cluster has a higher epoch');
    this.#keeper.fenced();
  }

  async close(): Promise<void> {
    await this.#keeper.close();
  }

  #became(leadership: Leadership): void {
    const { log } = this.#components;
    switch (leadership.kind) {
      case 'leader':
        void this.#lead(leadership);
        return;
      case 'lapsed':
        log.warn('this replica could not renew its lease in time and publishes nothing until it can');
        this.#leave();
        return;
      case 'unknown':
        log.warn('it is not known which replica leads; gateways are served, nothing is published', {
          reason: leadership.message,
        });
        this.#leave();
        return;
      case 'follower':
        log.info('this replica follows', { leader: replicaName(leadership.of) });
        this.#leave();
        this.#init.onFollowing(this.#elsewhere(leadership));
        return;
      default:
        assertNever(leadership);
    }
  }

  /** Never rejects. */
  async #lead({ term, transitions }: Extract<Leadership, { kind: 'leader' }>): Promise<void> {
    const { log, office } = this.#components;
    this.#leave();
    await this.#learn();
    const { leadership } = this.#keeper;
    if (leadership.kind !== 'leader' || leadership.term !== term) return;
    log.info('this replica leads', { transitions });
    this.#inOffice = term;
    office.begin({ transitions });
    for (const listener of this.#listeners) listener(true);
  }

  #leave(): void {
    if (this.#inOffice === undefined) return;
    this.#inOffice = undefined;
    this.#components.office.end();
    for (const listener of this.#listeners) listener(false);
  }

  async #learn(): Promise<void> {
    try {
      await this.#init.learn();
    } catch (error) {
      this.#components.log.warn('what the leader keeps could not be read', { error: errorText(error) });
    }
  }

  #elsewhere(leadership: Leadership): string {
    const of = leadership.kind === 'follower' ? replicaName(leadership.of) : 'another replica';
    return `not leader: ${of} leads`;
  }
}
