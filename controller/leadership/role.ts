/**
 * What this controller is among those of its site. A sole controller leads from its start to its end and asks nobody;
 * one of several replicas (`ReplicaRole`) leads while it holds the lease.
 */
export interface RoleView {
  /** Name of this replica; absent for a sole controller. */
  readonly replica?: string | undefined;
  readonly kind: 'sole' | 'leader' | 'follower' | 'lapsed' | 'unknown';
  /** Who leads, as far as known. */
  readonly leader?: string | undefined;
  /** Changes of holder that the lease counted. */
  readonly transitions?: number | undefined;
  /** Monotonic ms. */
  readonly sinceMs: number;
  /** Why it is not known who leads. */
  readonly message?: string | undefined;
}

export interface Role {
  readonly view: RoleView;
  /** Whether a write in the name of the cluster may begin now. */
  readonly mayWrite: boolean;
  /** Why gateways should go elsewhere; absent while they are served here. */
  readonly turnedAway: string | undefined;
  start(): void;
  /** Told at once, and whenever this controller begins or ceases to lead. */
  onLeading(listener: (isLeader: boolean) => void): void;
  close(): Promise<void>;
}

/** What leading means for the others: the writer, in office or out of it. */
export interface Office {
  begin(term: { readonly transitions?: number | undefined }): void;
  end(): void;
}

export class SoleRole implements Role {
  readonly #office: Office;
  readonly view: RoleView;
  readonly mayWrite = true;
  readonly turnedAway = undefined;

  constructor(components: { readonly office: Office; readonly nowMs: number }) {
    this.#office = components.office;
    this.view = { kind: 'sole', sinceMs: components.nowMs };
  }

  start(): void {
    this.#office.begin({});
  }

  onLeading(listener: (isLeader: boolean) => void): void {
    listener(true);
  }

  async close(): Promise<void> {}
}
