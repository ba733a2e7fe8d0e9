import { RecordDigest } from '../../federation/model/digest.ts';
import { sha256Hex } from '../../federation/model/sha256.ts';
import { checkHistory, type Checked, INVARIANTS, violationsOf } from '../history/check.ts';
import type { History } from '../history/events.ts';
import { equalAfterHealing } from '../history/invariants/equal-after-healing.ts';
import { Recorder } from '../history/recorder.ts';
import type { Tally } from './attack.ts';
import { BareReader } from './bare-reader.ts';
import { clusterset, FIRST_MEMBERSHIP, HONEST, type Membership, READERS, rosterOf } from './cast.ts';
import type { Dice } from './dice.ts';
import type { Field } from './field.ts';
import { HonestWriter } from './honest-writer.ts';
import { HostileMember } from './hostile-member.ts';
import { WatchedReader } from './reader.ts';
import { orderOfBytes } from './witness.ts';

/**
 * One run: two honest clusters publish, a hostile member does its worst, readers follow, and every way to the store is attacked.
 * Then the enemies stop, and all must find together. The whole is drawn from one seed; what happened is judged afterwards,
 * from the record alone.
 */
export interface SiegeComponents {
  readonly field: Field;
  readonly dice: Dice;
  readonly tally: Tally;
  /** Each step in words, while it happens. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface SiegeInit {
  readonly seed: number;
  readonly steps: number;
}

export interface SiegeOutcome {
  readonly history: History;
  readonly checked: readonly Checked[];
  readonly violations: readonly string[];
}

const STEP_MS = 1_200;
/** Between two looks at what the readers hold. */
const SLICE_MS = 250;
/** The hold-off of a refused version grows to 8 s, and a beat then is 3 s away; what FAULTS promises is 10 s. */
const HEALED_WITHIN_MS = 10_000;
/** Records that are wrong under an intact head are found by their writer's audit, every 30 s; then as above. */
const REPAIRED_WITHIN_MS = 30_000 + HEALED_WITHIN_MS;

export class Siege {
  readonly #components: SiegeComponents;
  readonly #init: SiegeInit;
  readonly #recorder: Recorder;
  readonly #mallory: HostileMember;
  #writers: readonly HonestWriter[] = [];
  #readers: readonly WatchedReader[] = [];
  #bare: BareReader | undefined;
  #membership: Membership = FIRST_MEMBERSHIP;
  #boundMs = HEALED_WITHIN_MS;

  private constructor(components: SiegeComponents, init: SiegeInit) {
    this.#components = components;
    this.#init = init;
    this.#recorder = new Recorder(components.field);
    const { field, tally, dice } = components;
    const rest = { field, tally, recorder: this.#recorder, clock: field.clock };
    this.#mallory = new HostileMember({ ...rest, dice: dice.of('mallory') });
  }

  static async run(components: SiegeComponents, init: SiegeInit): Promise<SiegeOutcome> {
    const siege = new Siege(components, init);
    let history: History;
    try {
      await siege.#begin();
      await siege.#attack();
      await siege.#heal();
      // What ends now ends with the run: no fact about it.
      history = [...siege.#recorder.history];
    } finally {
      await siege.#end();
    }
    const bound = equalAfterHealing(siege.#boundMs);
    const invariants = INVARIANTS.map((invariant) => (invariant.id === bound.id ? bound : invariant));
    const checked = checkHistory(history, invariants);
    return { history, checked, violations: violationsOf(checked) };
  }

  async #begin(): Promise<void> {
    const { field, dice } = this.#components;
    const rest = { field, recorder: this.#recorder };
    await this.#signRoster(FIRST_MEMBERSHIP);
    this.#writers = await Promise.all(
      HONEST.map((cluster) => HonestWriter.start({ ...rest, dice: dice.of(`writer ${cluster}`) }, cluster)),
    );
    const { seed } = this.#init;
    this.#readers = await Promise.all(READERS.map((self) => WatchedReader.start(rest, { self, seed })));
    this.#bare = await BareReader.start(rest, { seed });
    await this.#mallory.begin();
    await this.#pass(STEP_MS);
  }

  async #attack(): Promise<void> {
    const { dice } = this.#components;
    for (let step = 0; step < this.#init.steps; step++) {
      for (const { link } of this.#attacked()) {
        if (dice.chance(0.4)) link.turnHostile();
        else if (dice.chance(0.2)) link.turnHonest();
      }
      await this.#happens();
      this.#say(`mallory ${await this.#mallory.act()}`);
      await this.#pass(dice.between(0.2, 1) * STEP_MS);
    }
  }

  async #happens(): Promise<void> {
    const { dice } = this.#components;
    const writer = dice.pick(this.#writers);
    const reader = dice.pick(this.#readers);
    const draw = dice.below(10);
    if (draw < 5) {
      this.#say(`${writer?.cluster} changes`);
      writer?.change();
    } else if (draw === 5) {
      this.#say(`${writer?.cluster} has a new leader`);
      await writer?.takeOver();
    } else if (draw === 6) {
      const how = dice.pick(['orderly', 'crash', 'states-lost'] as const) ?? 'crash';
      this.#say(`a reader restarts: ${how}`);
      await reader?.restart(how);
    } else if (draw === 7) {
      this.#say('the bare reader forgets');
      this.#bare?.forget();
    } else if (draw === 8) {
      await this.#changeMembers();
    }
  }

  async #changeMembers(): Promise<void> {
    const { dice } = this.#components;
    const version = this.#membership.version + 1;
    if (dice.chance(0.3)) {
      const incarnation = this.#membership.incarnation + 1;
      this.#say(`${HONEST[0]} joins anew as incarnation ${incarnation}`);
      await this.#signRoster({ ...this.#membership, version, incarnation });
      await this.#writers[0]?.beginLife(incarnation);
      return;
    }
    const hostileStatus = dice.pick(['active', 'quarantined', 'quarantined', 'removed'] as const) ?? 'active';
    this.#say(`roster ${version} says that mallory is ${hostileStatus}`);
    await this.#signRoster({ ...this.#membership, version, hostileStatus });
  }

  async #signRoster(membership: Membership): Promise<void> {
    this.#membership = membership;
    const bytes = clusterset.signed(rosterOf(membership));
    const { version } = membership;
    this.#recorder.record({ kind: 'rosterSigned', version, digest: sha256Hex(bytes) });
    await this.#components.field.putRoster({ version, bytes });
    for (const writer of this.#writers) writer.sawRoster(version);
  }

  async #heal(): Promise<void> {
    await this.#makePeace();
    const promisedMs = (await this.#isDamaged()) ? REPAIRED_WITHIN_MS : HEALED_WITHIN_MS;
    this.#boundMs = promisedMs * this.#components.field.patience;
    this.#recorder.record({ kind: 'healed' });
    await this.#untilEqual();
  }

  /** With an honest store beside it, the hostile one goes on: nobody needs it any more. */
  async #makePeace(): Promise<void> {
    const { field } = this.#components;
    this.#say(field.hasHonestStore ? 'the enemies go on, nothing else happens' : 'the store turns honest');
    if (field.hasHonestStore) return;
    for (const { link } of this.#attacked()) link.turnHonest();
    await field.cleanUp();
  }

  /** Waits for the fact; the bound is where it is judged, and where waiting ends. */
  async #untilEqual(): Promise<void> {
    const { history } = this.#recorder;
    const invariant = equalAfterHealing(this.#boundMs);
    const { clock } = this.#components.field;
    const untilMs = clock.monotonicMs() + this.#boundMs;
    while (clock.monotonicMs() < untilMs) {
      await this.#pass(SLICE_MS);
      if (invariant.check(history).kind === 'held') return;
    }
  }

  /** Whether the store, honest now, holds other records under an honest head than the head signs. */
  async #isDamaged(): Promise<boolean> {
    if (this.#components.field.hasHonestStore) return false;
    for (const cluster of HONEST) {
      const stored = await this.#components.field.truth(cluster);
      if (stored === undefined) continue;
      if (RecordDigest.of(stored.records).hex !== orderOfBytes(stored.head.bytes).head.digest) return true;
    }
    return false;
  }

  #attacked(): readonly (HonestWriter | WatchedReader | BareReader)[] {
    return [...this.#writers, ...this.#readers, ...(this.#bare === undefined ? [] : [this.#bare])];
  }

  async #pass(durationMs: number): Promise<void> {
    for (let leftMs = durationMs; leftMs > 0; leftMs -= SLICE_MS) {
      await this.#components.field.passTime(Math.min(SLICE_MS, leftMs));
      for (const reader of this.#readers) reader.look();
    }
  }

  async #end(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.stop()));
    await Promise.all(this.#readers.map((reader) => reader.stop()));
    await this.#bare?.stop();
  }

  #say(line: string): void {
    this.#components.log?.(`${Math.round(this.#components.field.clock.monotonicMs())} ms  ${line}`);
  }
}
