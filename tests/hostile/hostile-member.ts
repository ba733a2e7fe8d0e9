import { RecordDigest } from '../../federation/model/digest.ts';
import { encodeRecord, recordKeyOf } from '../../federation/model/encode.ts';
import { HEAD_SCHEMA, type Head, type HeadOrder } from '../../federation/model/head.ts';
import { encodeHead } from '../../federation/model/head-codec.ts';
import type { ClusterId } from '../../federation/model/ids.ts';
import type { RecordSet } from '../../federation/model/records.ts';
import { sha256Hex } from '../../federation/model/sha256.ts';
import type { StoredCluster } from '../../federation/store/contract.ts';
import type { Signer } from '../../federation/sync/clusterset.fixture.ts';
import type { Clock } from '../../runtime/clock.ts';
import { signHead } from '../../trust/head-signature.ts';
import type { Recorder } from '../history/recorder.ts';
import { recordHashes } from '../history/recorder.ts';
import type { Tally } from './attack.ts';
import { clusterset, HONEST, HOSTILE, impostors } from './cast.ts';
import type { Dice } from './dice.ts';
import type { Field } from './field.ts';
import { rewritten } from './roster-lies.ts';
import { ALLOWED_STATES, FORBIDDEN_STATES, type HostileState } from './hostile-states.ts';

/**
 * A member that holds good keys and a good login, and means harm. It writes past the client, as if there were no access
 * rules: octets of its own making under its own name and under its victims'.
 */
export interface HostileMemberComponents {
  readonly field: Field;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly tally: Tally;
  readonly recorder: Recorder;
}

const YEAR_MS = 365 * 24 * 60 * 60 * 1000;
const EXPIRED = clusterset.issueSigner(HOSTILE, Date.UTC(2026, 0, 1) - YEAR_MS);

export class HostileMember {
  readonly #components: HostileMemberComponents;
  #epoch = 1;
  #version = 0;

  constructor(components: HostileMemberComponents) {
    this.#components = components;
  }

  /** One deed, drawn. @returns what it was, for the log of the run. */
  async act(): Promise<string> {
    const { dice } = this.#components;
    const deeds = [
      () => this.#publish(dice.pick(ALLOWED_STATES)),
      () => this.#publish(dice.pick(FORBIDDEN_STATES)),
      () => this.#publish(dice.pick(FORBIDDEN_STATES)),
      () => this.#equivocate(),
      () => this.#equivocateByBeat(),
      () => this.#copyVictim(),
      () => this.#overwriteVictim(),
      () => this.#forgeRoster(),
    ];
    return (await dice.pick(deeds)?.()) ?? 'nothing';
  }

  /** So that readers have something of it to lose. */
  async begin(): Promise<void> {
    await this.#publish(ALLOWED_STATES[0]);
  }

  async #publish(state: HostileState | undefined): Promise<string> {
    if (state === undefined) return 'nothing';
    const stored = this.#signed(this.#nextOrder(), state);
    await this.#put(HOSTILE, stored);
    this.#components.tally.fired('member', state.name);
    return `publishes ${state.name}`;
  }

  /** Two contents under one order. Both are its own and allowed; a reader keeps the one that it saw first. */
  async #equivocate(): Promise<string> {
    const order = this.#nextOrder();
    for (const state of [ALLOWED_STATES[0], ALLOWED_STATES[1]]) {
      if (state === undefined) continue;
      await this.#put(HOSTILE, this.#signed(order, state));
      await this.#components.field.passTime(300);
    }
    this.#components.tally.fired('member', 'equivocation');
    return 'equivocates';
  }

  /** A beat of the same version that signs another digest: taken without its records by whoever does not compare. */
  async #equivocateByBeat(): Promise<string> {
    const [ordinary] = ALLOWED_STATES;
    if (ordinary === undefined) return 'nothing';
    const order = this.#nextOrder();
    const first = this.#signed(order, ordinary);
    await this.#put(HOSTILE, first);
    await this.#components.field.passTime(300);
    const digest = 'cd'.repeat(32);
    const second = this.#signed(
      { ...order, beat: 1 },
      { ...ordinary, records: () => first.records, head: () => ({ digest }), forbidden: 'order' },
    );
    await this.#put(HOSTILE, second);
    this.#components.tally.fired('member', 'equivocal-beat');
    return 'equivocates by beat';
  }

  /** The victim's head and records, whole and well signed, under its own name. */
  async #copyVictim(): Promise<string> {
    const { dice, field, tally } = this.#components;
    const victim = dice.pick(HONEST);
    const stored = victim === undefined ? undefined : field.archive.of(victim).at(-1);
    if (stored === undefined) return 'nothing';
    await this.#put(HOSTILE, stored);
    tally.fired('member', 'copied-head');
    return `copies ${victim}`;
  }

  /** Its own state, or an old one of the victim's, in the victim's place. */
  async #overwriteVictim(): Promise<string> {
    const { dice, field, tally } = this.#components;
    const victim = dice.pick(HONEST);
    const [ordinary] = ALLOWED_STATES;
    if (victim === undefined || ordinary === undefined) return 'nothing';
    const own = { ...ordinary, head: () => ({ cluster: victim }), forbidden: 'signature' };
    const state = dice.chance(0.5) ? dice.pick(field.archive.of(victim)) : this.#signed(this.#nextOrder(), own);
    if (state === undefined) return 'nothing';
    await this.#put(victim, { ...state, order: { ...state.order, epoch: state.order.epoch + dice.below(3) } });
    tally.fired('member', 'overwritten-victim');
    return `overwrites ${victim}`;
  }

  /** A roster signed by nobody, by another root, or an old one put back. */
  async #forgeRoster(): Promise<string> {
    const { dice, field, tally } = this.#components;
    const newest = field.archive.rosters.at(-1);
    if (newest === undefined) return 'nothing';
    const version = newest.version + 1;
    const forged = [
      impostors.signed(impostors.roster(version)),
      dice.spoil(newest.bytes),
      rewritten(newest.bytes, version),
      dice.pick(field.archive.rosters)?.bytes ?? newest.bytes,
    ];
    await field.plantRoster({ version, bytes: dice.pick(forged) ?? newest.bytes });
    tally.fired('member', 'forged-roster');
    return 'forges the roster';
  }

  async #put(place: ClusterId, stored: StoredCluster): Promise<void> {
    const { field } = this.#components;
    field.archive.keep(place, stored);
    await field.plant(place, stored);
  }

  #nextOrder(): HeadOrder {
    // A version after the greatest there is needs a new epoch: it is a hostile member, not a clumsy one.
    if (this.#components.dice.chance(0.3)) this.#epoch += 1;
    this.#version += 1;
    return { incarnation: 1, epoch: this.#epoch, writerId: 'mallory-0', version: this.#version, beat: 0 };
  }

  #signed(order: HeadOrder, state: HostileState): StoredCluster {
    const { dice, clock, recorder } = this.#components;
    const signer = signerOf(state);
    const chain = encodeRecord(signer.chain);
    const records: RecordSet = new Map([...state.records(dice), [recordKeyOf(signer.chain), chain]]);
    const head: Head = {
      ...order,
      schema: HEAD_SCHEMA,
      cluster: HOSTILE,
      digest: RecordDigest.of(records).hex,
      rosterSeen: 1,
      acks: {},
      issuedAtMs: Math.floor(clock.epochMs()),
      ...state.head?.(dice),
    };
    const { incarnation, epoch, writerId, version, beat } = head;
    const signedOrder = { incarnation, epoch, writerId, version, beat };
    const { digest } = head;
    // Under the name in the head: what a reader would believe it to be.
    const facts = { cluster: head.cluster, order: signedOrder, digest, records: recordHashes(records) };
    recorder.record({ kind: 'published', ...facts, forbidden: state.forbidden });
    const bytes = encodeHead(head);
    const signature = signHead(signer.key, bytes);
    return { order: signedOrder, records, head: { bytes, signature, signerChain: sha256Hex(chain) } };
  }
}

function signerOf({ signer }: HostileState): Signer {
  if (signer === 'expired') return EXPIRED;
  return (signer === 'impostor' ? impostors : clusterset).signer(HOSTILE);
}
