import { diffRecords, isEmptyChange, sameBytes } from '../../federation/model/diff.ts';
import { compareHeadOrder } from '../../federation/model/head.ts';
import type { StoredCluster } from '../../federation/store/contract.ts';
import type { Archive } from './archive.ts';
import type { Tally } from './attack.ts';
import type { Dice } from './dice.ts';
import { LIES, type Lie } from './lies.ts';

/** What one liar says of clusters for a while: which lies it tells, and which clusters it lets stand still. */
export interface MoodComponents {
  readonly archive: Archive;
  readonly dice: Dice;
  readonly tally: Tally;
}

/** The truth itself, by identity, when it is no lie. */
export type Told = StoredCluster | 'absent';

/** How often an answer is a lie while the store is hostile. */
const LIE_SHARE = 0.6;
const PINNED_SHARE = 0.25;
const LIES_AT_ONCE = 3;

export class Mood {
  readonly #components: MoodComponents;
  readonly #pinned = new Map<string, StoredCluster>();
  #isHostile = false;
  #lies: readonly Lie[] = [];

  constructor(components: MoodComponents) {
    this.#components = components;
  }

  get isHostile(): boolean {
    return this.#isHostile;
  }

  turnHostile(): void {
    const { dice, archive } = this.#components;
    this.#isHostile = true;
    this.#lies = Array.from({ length: LIES_AT_ONCE }, () => dice.pick(LIES)).filter((lie) => lie !== undefined);
    this.#pinned.clear();
    for (const cluster of archive.clusters) {
      const state = dice.chance(PINNED_SHARE) ? dice.pick(archive.of(cluster)) : undefined;
      if (state !== undefined) this.#pinned.set(cluster, state);
    }
  }

  turnHonest(): void {
    this.#isHostile = false;
    this.#pinned.clear();
  }

  tell(cluster: string, truth: StoredCluster): Told {
    if (!this.#isHostile) return truth;
    const { archive, dice, tally } = this.#components;
    const pinned = this.#pinned.get(cluster);
    if (pinned !== undefined) {
      if (compareHeadOrder(pinned.order, truth.order) === 0) return truth;
      tally.fired('pin', 'cluster');
      return pinned;
    }
    const lie = dice.chance(LIE_SHARE) ? dice.pick(this.#lies) : undefined;
    const told = lie?.tell(truth, { cluster, archive, dice });
    if (lie === undefined || told === undefined) return truth;
    if (told !== 'absent' && isSameState(told, truth)) return truth;
    tally.fired(lie.kind, lie.name);
    return told;
  }
}

function isSameState(left: StoredCluster, right: StoredCluster): boolean {
  return (
    compareHeadOrder(left.order, right.order) === 0 &&
    sameBytes(left.head.bytes, right.head.bytes) &&
    sameBytes(left.head.signature, right.head.signature) &&
    left.head.signerChain === right.head.signerChain &&
    isEmptyChange(diffRecords(left.records, right.records))
  );
}
